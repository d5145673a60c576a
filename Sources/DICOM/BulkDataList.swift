// Which values of a data set its metadata names by a URL, and where they lie. Decides nothing itself: the way through the
// data set and its rules are those of the metadata, so that neither can name what the other has not.

/// The values of a data set that stand in no document of its metadata.
package struct BulkDataList: Sendable {
    package struct Entry: Hashable, Sendable {
        package let path: ElementPath
        package let element: DataSetReader.Element
    }

    /// In the order in which they stand; Pixel Data is one of them, in fragments or not.
    package let entries: [Entry]

    /// What an object may have. Enhanced objects have thousands of tables at most, and each entry costs memory.
    package static let limit = 100_000

    /// Walks a data set, O(n) in its length without pixels; holds one value at a time and the list.
    ///
    /// - Throws: ``DICOMError`` as ``JSONModel/write(_:to:)``, and `tooLarge` for more than `limit` values; what the
    ///   source throws.
    package init(_ file: Part10File, limit: Int = limit) throws {
        var writer = ModelWriter(file, BulkDataRules(base: ""), BulkDataOutput(limit: limit))
        try writer.write { _ in }
        guard !writer.output.isOverflowing else {
            throw DICOMError(
                kind: .tooLarge, offset: Int(file.dataSetOffset), detail: "it has more than \(limit) bulk data values")
        }
        entries = writer.output.entries
    }
}

/// Takes note of bulk data, and writes nothing.
private struct BulkDataOutput: ModelOutput {
    let limit: Int
    var bytes: [UInt8] = []
    private(set) var entries: [BulkDataList.Entry] = []
    private(set) var isOverflowing = false

    init(limit: Int) { self.limit = limit }

    mutating func bulkData(_ url: String, of element: DataSetReader.Element, at path: ElementPath) {
        isOverflowing = isOverflowing || entries.count >= limit
        if !isOverflowing { entries.append(BulkDataList.Entry(path: path, element: element)) }
    }

    mutating func beginDocument() {}
    mutating func endDocument() {}
    mutating func beginElement(_ tag: Tag, _ vr: VR, creator: String?) {}
    mutating func endElement() {}
    mutating func content(_ content: ElementContent) {}
    mutating func beginItems() {}
    mutating func endItems() {}
    mutating func beginItem(_ number: Int) {}
    mutating func endItem() {}
}
