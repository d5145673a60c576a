// What the gateway must know of an instance before it may deliver a byte of it.

/// The few attributes of an instance by which it is checked, routed and rendered.
package struct InstanceFacts: Hashable, Sendable {
    package var study: UID
    package var series: UID
    package var instance: UID
    /// SOP Class UID (0008,0016).
    package var sopClass: UID?
    /// (0002,0010) of the stored file; nil when read from metadata.
    package var transferSyntax: UID?
    /// Rows (0028,0010) and Columns (0028,0011); nil when the instance has none or they were not reached.
    package var rows: Int?
    package var columns: Int?
    /// Number of Frames (0028,0008); 1 when absent.
    package var numberOfFrames: Int

    package init(
        study: UID, series: UID, instance: UID, sopClass: UID? = nil, transferSyntax: UID? = nil, rows: Int? = nil,
        columns: Int? = nil, numberOfFrames: Int = 1
    ) {
        self.study = study
        self.series = series
        self.instance = instance
        self.sopClass = sopClass
        self.transferSyntax = transferSyntax
        self.rows = rows
        self.columns = columns
        self.numberOfFrames = numberOfFrames
    }
}
