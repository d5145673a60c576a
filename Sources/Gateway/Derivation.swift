// What is made from a stored instance: its frames, its metadata, its bulk data. Runs on workers; the rules are DICOM's.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import WADO

/// A stored instance as the readers of the DICOM room see it; blocks, so for workers only.
struct StoredInstance: ByteSource {
    let object: StoredObject

    var length: Int64 { object.length }

    func read(at offset: Int64, count: Int) throws -> [UInt8] {
        let bytes = try object.readNow(at: offset, length: count)
        guard bytes.count == count else {
            throw DICOMError(kind: .truncated, offset: Int(offset), detail: "the stored instance ends here")
        }
        return bytes
    }
}

/// One object that is made from a stored instance rather than fetched.
enum Derivation: Sendable {
    case frame(Int, FrameIndex)
    case metadata(ObjectClass.Format)
    /// The whole instance in another transfer syntax.
    case reencoded(TransferSyntax)
    /// The value of one attribute, byte order turned to Little Endian.
    case value(ElementPath)
    case frameIndex
    /// The whole instance, deflated no more.
    case inflated

    /// Gives the object's bytes, piece by piece.
    func write(from instance: StoredObject, of target: InstanceTarget, to sink: ([UInt8]) throws -> Void) throws {
        if case .inflated = self {
            var inflater = try Inflater(StoredInstance(object: instance))
            while let piece = try inflater.next() { try sink(piece) }
            return
        }
        let file = try Part10File(StoredInstance(object: instance))
        switch self {
        case .inflated: break
        case .frame(let number, let index): try index.read(number, from: file.source, to: sink)
        case .metadata(let format):
            let base =
                String(decoding: [baseURLPlaceholder], as: UTF8.self) + "\(target.path)/\(ObjectClass.ownBulkData)"
            switch format {
            case .json: try JSONModel(bulkDataBase: base).write(file, to: sink)
            case .xml: try NativeModel(bulkDataBase: base).write(file, to: sink)
            }
        case .reencoded(let syntax):
            var reencoder = try Reencoder(file, to: syntax)
            while let piece = try reencoder.next() { try sink(piece) }
        case .value(let path):
            guard let element = try DataSetReader.find(path, in: file) else { throw Self.noAttribute }
            try element.read(from: file.source, to: sink)
        case .frameIndex:
            try sink(try FrameIndex(file).encoded())
        }
    }

    /// The tag of what holds only beside the very instance that it was made from: places within it; nil for what says the
    /// same of every copy.
    func tag(from instance: StoredObject) -> String? {
        switch self {
        case .frameIndex: instance.description.etag + "-index"
        case .inflated: instance.description.etag + "-inflated"
        case .frame, .metadata, .reencoded, .value: nil
        }
    }

    static let noAttribute = Problem(status: 404, "The instance has no such attribute.")
}

extension Problem {
    /// A failure while something was made from a stored instance.
    init(deriving error: any Error, from instance: StoredObject) {
        switch error {
        case let problem as Problem: self = problem
        case let error as CacheError: self.init(error)
        case let error as DICOMError:
            self.init(
                status: error.kind == .unsupported || error.kind == .missingAttribute ? 404 : 502,
                "The instance as it is stored has no such part: \(error.detail).",
                backend: instance.description.backend,
                detail: "\(error)")
        default:
            self.init(status: 502, "The stored instance cannot be read.", detail: "\(error)")
        }
    }
}
