// What the readers and writers of DICOM files promise for any bytes.
import DICOM
import HTTP
import WADO

/// Bytes to which a deflated data set may grow here.
private let inflateLimit = 1 << 20

/// The file, or nil for bytes that are none.
private func opened(_ bytes: [UInt8]) -> Part10File? {
    try? Part10File(BytesSource(bytes), inflateLimit: inflateLimit)
}

/// The head reader finds the same however the file arrives, and the UIDs that it finds are those that stand in the file:
/// by them it is decided who may see it.
func readPart10Head(_ bytes: [UInt8]) {
    let result = sameForEverySplit(bytes) { pieces in
        Result { () throws(DICOMError) in
            var reader = Part10HeadReader()
            for piece in pieces { _ = try reader.feed(piece) }
            return try reader.finish()
        }
    }
    guard case .success(let facts) = result, let file = opened(bytes), file.syntaxUID == facts.transferSyntax else {
        return
    }
    for (tag, uid) in topLevelUIDs(file) {
        switch tag {
        case .studyInstanceUID: require(uid == facts.study, "the file has study \(uid), its head \(facts.study)")
        case .seriesInstanceUID: require(uid == facts.series, "the file has series \(uid), its head \(facts.series)")
        case .sopInstanceUID: require(uid == facts.instance, "the file has instance \(uid), its head \(facts.instance)")
        default: break
        }
    }
}

/// As far as the data set can be read, and no further than the head goes.
private func topLevelUIDs(_ file: Part10File) -> [(Tag, UID)] {
    var reader = DataSetReader(file)
    var depth = 0
    var found: [(Tag, UID)] = []
    while let event = try? reader.next() {
        switch event {
        case .beginSequence: depth += 1
        case .endSequence: depth -= 1
        case .element(let element) where depth == 0:
            if element.tag > .columns { return found }
            if let value = try? reader.value(of: element, limit: 256), let uid = UID(elementValue: value) {
                found.append((element.tag, uid))
            }
        default: break
        }
    }
    return found
}

/// JSON and XML of a file are what our own readers of JSON and XML take, and bounded in size.
func writeModels(_ bytes: [UInt8]) {
    guard let file = opened(bytes) else { return }
    let limit = 4096 + 512 * Int(file.source.length)
    if let json = document(limit, { try JSONModel(bulkDataBase: Backend.instance).write(file, to: $0) }) {
        let isFaulty = Rewriting.json([json], instance: nil).isMalformed
        require(!isFaulty, "not JSON: \(String(decoding: json, as: UTF8.self))")
    }
    if let xml = document(limit, { try NativeModel(bulkDataBase: Backend.instance).write(file, to: $0) }) {
        require(!Rewriting.xml([xml]).isMalformed, "not XML: \(String(decoding: xml, as: UTF8.self))")
    }
}

/// The whole document; nil when it could not be written.
private func document(_ limit: Int, _ write: (([UInt8]) throws -> Void) throws -> Void) -> [UInt8]? {
    var output: [UInt8] = []
    let isWhole =
        (try? write {
            output += $0
            require(output.count <= limit, "a document of more than \(limit) bytes")
        }) != nil
    return isWhole ? output : nil
}

/// A frame index survives being kept, and its frames have the length it tells, whatever they are read by.
func readFrames(_ bytes: [UInt8]) {
    guard let file = opened(bytes), let index = try? FrameIndex(file) else { return }
    let kept = try? FrameIndex(encoded: index.encoded(), sourceLength: file.source.length)
    require(kept == index, "\(index) was kept as \(kept.map { "\($0)" } ?? "nothing")")
    for number in Set([1, 2, index.numberOfFrames]) where number <= index.numberOfFrames {
        let inSmallPieces = frame(number, index, file.source, pieceLength: 8)
        let frame = frame(number, index, file.source, pieceLength: 1 << 20)
        require(frame == inSmallPieces, "frame \(number) depends on how it is read")
        guard let frame else { continue }
        require(index.length(ofFrame: number) == Int64(frame.count), "frame \(number) has \(frame.count) bytes")
        if let place = index.place(ofFrame: number) {
            let inPlace = try? file.source.read(at: place.lowerBound, count: place.count)
            require(inPlace == frame, "frame \(number) does not lie at \(place)")
        }
    }
}

private func frame(_ number: Int, _ index: FrameIndex, _ source: any ByteSource, pieceLength: Int) -> [UInt8]? {
    var frame: [UInt8] = []
    guard (try? index.read(number, from: source, pieceLength: pieceLength) { frame += $0 }) != nil else { return nil }
    return frame
}

/// What is re-encoded has the length that was told, and is a file that re-encodes to itself. (Letters that name no VR
/// become UN at first, and at the second time what the dictionary has.)
func reencode(_ bytes: [UInt8]) {
    guard let file = opened(bytes) else { return }
    for target in [TransferSyntax.explicitLittle, .implicitLittle] {
        guard let once = reencoded(file, to: target) else { continue }
        let twice = reencodedAgain(once, to: target)
        require(reencodedAgain(twice, to: target) == twice, "re-encoding its own output changes it: \(twice)")
    }
}

private func reencodedAgain(_ bytes: [UInt8], to target: TransferSyntax) -> [UInt8] {
    guard let file = opened(bytes) else { fatalError("what was re-encoded is no file: \(bytes)") }
    require(file.syntaxUID == target.uid, "it says that it is in \(file.syntaxUID?.string ?? "nothing")")
    guard let result = reencoded(file, to: target) else { fatalError("it cannot be re-encoded again: \(bytes)") }
    return result
}

private func reencoded(_ file: Part10File, to target: TransferSyntax) -> [UInt8]? {
    guard var reencoder = try? Reencoder(file, to: target) else { return nil }
    var output: [UInt8] = []
    do {
        while let piece = try reencoder.next() { output += piece }
    } catch {
        fatalError("after it was found sound: \(error)")
    }
    require(reencoder.outputLength == Int64(output.count), "\(output.count) bytes, not \(reencoder.outputLength)")
    return output
}

/// The head of a file is told, and the input is its deflated data set.
func inflate(_ bytes: [UInt8]) {
    readPart10Head(DICOMSeeds.deflatedHead + bytes)
    writeModels(DICOMSeeds.deflatedHead + bytes)
    reencode(DICOMSeeds.deflatedHead + bytes)
}

/// An index that was kept is believed only if it is one that is written, and its frames lie in the source.
func decodeFrameIndex(_ bytes: [UInt8]) {
    let source = BytesSource([UInt8](repeating: 7, count: 4096))
    guard let index = try? FrameIndex(encoded: bytes, sourceLength: source.length) else { return }
    // What is written for an index may leave out a byte of padding behind the last fragment.
    let again = try? FrameIndex(encoded: index.encoded(), sourceLength: source.length)
    require(again == index, "\(index) was kept as \(again.map { "\($0)" } ?? "nothing")")
    for number in Set([1, index.numberOfFrames]) {
        guard let frame = frame(number, index, source, pieceLength: 1 << 20) else {
            fatalError("frame \(number) of \(index) is not there")
        }
        require(index.length(ofFrame: number) == Int64(frame.count), "frame \(number) has \(frame.count) bytes")
    }
}
