// Reads what must be known of an instance from the head of its file, while the file passes by. Knows no files or sockets.

/// Reads the head of a Part 10 file from bytes that arrive piece by piece, up to Columns (0028,0011) or whatever comes
/// where that would be, and never into Pixel Data.
///
/// It holds no value but the few it looks at: a few hundred bytes, and 16 KiB while a deflated data set is inflated.
/// A missing preamble or file meta is tolerated, as is a data set in Implicit VR that is said to be explicit.
/// Spec: PS3.10 §7.1, PS3.5 §7.
package struct Part10HeadReader: Sendable {
    package enum Outcome: Sendable, Equatable {
        case needMore
        case facts(InstanceFacts)
    }

    private enum Stage: Sendable {
        /// The first 132 bytes are collected, since what they are shows at the end.
        case opening([UInt8])
        case fileMeta
        case dataSet
        case known(InstanceFacts)
    }

    private let limit: Int
    private var stage = Stage.opening([])
    private var attributes: HeadAttributes
    private var scanner = ElementScanner(.explicitLittle, offset: 0)
    /// Set for a deflated data set.
    private var inflate: RawInflate?
    /// Of the next byte to be inflated, in the file.
    private var deflatedOffset = 0
    /// End of the file meta as its group length tells. It decides only before a deflated data set, whose bytes look
    /// like anything.
    private var declaredMetaEnd: Int?

    /// - Parameter limit: bytes, after inflating, within which the head must end. When they are used up, facts are what
    ///   was found if the three UIDs were; so it bounds what a caller holds back while it waits for facts.
    /// - Parameter toleratesOtherFileMeta: whether file meta may name another SOP Instance UID (0002,0003) than the data
    ///   set, as anonymisers leave it behind; the data set's counts then.
    package init(limit: Int = 4 << 20, toleratesOtherFileMeta: Bool = false) {
        self.limit = limit
        attributes = HeadAttributes(toleratesOtherFileMeta: toleratesOtherFileMeta)
    }

    /// Takes the next piece. Once `.facts` came, further calls answer the same. The bytes are also the caller's to keep.
    ///
    /// - Throws: `notDICOM`, `malformed`, `tooLarge` or `missingAttribute`; the reader is of no use then.
    package mutating func feed(_ bytes: [UInt8]) throws(DICOMError) -> Outcome {
        var cursor = 0
        if case .opening(var opening) = stage {
            cursor = min(Part10Opening.length - opening.count, bytes.count)
            opening += bytes[..<cursor]
            stage = .opening(opening)
            guard opening.count == Part10Opening.length else { return .needMore }
            try begin(opening)
        }
        try read(bytes, from: cursor)
        if case .known(let facts) = stage { return .facts(facts) }
        return .needMore
    }

    /// The source has ended: facts if the three UIDs were seen, else an error.
    ///
    /// - Throws: as ``feed(_:)``, and `truncated` when the bytes end inside of an element.
    package mutating func finish() throws(DICOMError) -> InstanceFacts {
        if case .opening(let opening) = stage { try begin(opening) }
        if case .fileMeta = stage { try beginDataSet() }
        if case .known(let facts) = stage { return facts }
        try conclude()
        return try finish()
    }

    /// Goes on from the first bytes of the file: at most 132, and fewer only if there are no more.
    private mutating func begin(_ opening: [UInt8]) throws(DICOMError) {
        let start: Int
        switch try Part10Opening(opening) {
        case .fileMeta(let offset):
            stage = .fileMeta
            scanner = ElementScanner(.explicitLittle, offset: offset)
            start = offset
        case .dataSet(let encoding):
            stage = .dataSet
            scanner = ElementScanner(encoding, offset: 0)
            start = 0
        }
        try read(Array(opening[start...]), from: 0)
    }

    private mutating func read(_ bytes: [UInt8], from start: Int) throws(DICOMError) {
        var cursor = start
        if case .fileMeta = stage { try readFileMeta(bytes, &cursor) }
        if case .dataSet = stage { try readDataSet(bytes, &cursor) }
    }

    private mutating func readFileMeta(_ bytes: [UInt8], _ cursor: inout Int) throws(DICOMError) {
        while let event = try scanner.next(in: bytes, at: &cursor) {
            switch event {
            case .header(let header):
                if header.tag.group != Tag.transferSyntaxUID.group || isDeflated(at: header) {
                    return try beginDataSet()
                }
                try consider(header)
            case .value(let header, let value) where header.tag == .fileMetaGroupLength:
                guard value.count == 4 else { continue }
                declaredMetaEnd = scanner.offset + Int(value.uint32(at: 0, bigEndian: false))
            case .value(let header, let value):
                try attributes.take(header.tag, value, isBigEndian: false, offset: scanner.offset - value.count)
            }
        }
        try checkLimit()
    }

    private func isDeflated(at header: ElementHeader) -> Bool {
        guard let uid = attributes.transferSyntax, TransferSyntax(uid)?.isDeflated == true else { return false }
        return declaredMetaEnd == scanner.offset - header.headerLength
    }

    /// Begins the data set with the bytes of the header that turned out to be not file meta's.
    private mutating func beginDataSet() throws(DICOMError) {
        let held = scanner.takeHeld()
        let syntax = attributes.transferSyntax.map { TransferSyntax($0) ?? TransferSyntax(unknown: $0) }
        stage = .dataSet
        let encoding = syntax?.encoding ?? Part10Opening.likelyEncoding(held) ?? .implicitLittle
        scanner = ElementScanner(encoding, offset: scanner.offset)
        if syntax?.isDeflated == true {
            inflate = try RawInflate()
            deflatedOffset = scanner.offset
        }
        var cursor = 0
        try readDataSet(held, &cursor)
    }

    private mutating func readDataSet(_ bytes: [UInt8], _ cursor: inout Int) throws(DICOMError) {
        guard inflate != nil else { return try scan(bytes, &cursor) }
        while case .dataSet = stage {
            let before = cursor
            var inflated: [UInt8] = []
            let progress = try inflate?.next(in: bytes, at: &cursor, offset: deflatedOffset - before, into: &inflated)
            deflatedOffset += cursor - before
            var position = 0
            try scan(inflated, &position)
            switch progress {
            case .output: continue
            case .ended:
                guard case .dataSet = stage else { return }
                return try conclude()
            case .needsInput, nil: return
            }
        }
    }

    private mutating func scan(_ bytes: [UInt8], _ cursor: inout Int) throws(DICOMError) {
        while case .dataSet = stage, let event = try scanner.next(in: bytes, at: &cursor) {
            switch event {
            case .header(let header) where header.tag > .columns:
                return try conclude(isWhole: true)
            case .header(let header):
                try consider(header)
            case .value(let header, let value):
                try attributes.take(
                    header.tag, value, isBigEndian: scanner.encoding.isBigEndian, offset: scanner.offset - value.count)
                if header.tag == .columns { return try conclude(isWhole: true) }
            }
        }
        if case .dataSet = stage { try checkLimit() }
    }

    private mutating func checkLimit() throws(DICOMError) {
        guard scanner.offset >= limit else { return }
        guard attributes.hasUIDs else {
            throw DICOMError(
                kind: .tooLarge, offset: scanner.offset, detail: "the UIDs do not come within \(limit) bytes")
        }
        try conclude()
    }

    /// Asks for the value of an element that is looked at.
    private mutating func consider(_ header: ElementHeader) throws(DICOMError) {
        guard HeadAttributes.wants(header.tag) else { return }
        guard header.length <= HeadAttributes.valueLimit else {
            throw DICOMError(
                kind: .malformed, offset: scanner.offset - header.headerLength,
                detail: "the value of \(header.tag) is said to have \(header.length) bytes")
        }
        scanner.keepValue()
    }

    /// The head is over, by its own end or the file's.
    private mutating func conclude(isWhole: Bool = false) throws(DICOMError) {
        guard isWhole || attributes.hasUIDs || scanner.isBetweenElements else {
            throw DICOMError(kind: .truncated, offset: scanner.offset, detail: "the file ends inside of an element")
        }
        stage = .known(try attributes.facts(at: scanner.offset))
    }
}
