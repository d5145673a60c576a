// What a client asks for, whichever front door it came through. A value: parsing makes it, planning reads it.
package import DICOM

/// What a client asks for: the one type that both front doors parse into (PS3.18 §10.4, chapter 9).
package struct RetrieveRequest: Sendable, Hashable {
    package enum FrontDoor: Sendable, Hashable { case wadoRS, wadoURI }

    package enum Resource: Sendable, Hashable {
        /// Part 10 instances of the target.
        case dataSets
        case metadata
        /// I/frames/{list}, in requested order.
        case frames([Int])
        /// Nil frames: the target itself.
        case rendered(frames: [Int]?)
        case thumbnail(frame: Int?)
        /// Any path below an instance that is a BulkDataURI of ours: "bulkdata/…", "bulk/…", "bulkdata/~token". Decoded
        /// once, re-encoded, no dot segments.
        case bulk(tail: String)
        case pixelData
        /// S|E|I/bulkdata, the collection.
        case bulkData
    }

    package var frontDoor: FrontDoor
    /// Nil only for a sloppy WADO-URI caller that names the instance alone.
    package var study: UID?
    package var series: UID?
    package var instance: UID?
    package var resource: Resource
    package var representation: Representation
    package var rendering: RenderingParameters
    /// WADO-URI's `anonymize=yes`; never to be ignored silently.
    package var wantsAnonymized: Bool
    /// Warnings to send along (unknown annotation values): complete `Warning` field values.
    package var warnings: [String]

    package init(
        frontDoor: FrontDoor, study: UID?, series: UID? = nil, instance: UID? = nil, resource: Resource,
        representation: Representation, rendering: RenderingParameters = RenderingParameters(),
        wantsAnonymized: Bool = false, warnings: [String] = []
    ) {
        self.frontDoor = frontDoor
        self.study = study
        self.series = series
        self.instance = instance
        self.resource = resource
        self.representation = representation
        self.rendering = rendering
        self.wantsAnonymized = wantsAnonymized
        self.warnings = warnings
    }
}
