import HTTP
import Testing
import WADO

/// Asks the grammar as a client does.
func ask(
    _ target: String, accept: [String] = [], charset: String? = nil, method: HTTPMethod = .get
) throws(WADOError) -> RetrieveRequest? {
    var fields = HTTPFields()
    for value in accept { fields.append("Accept", value) }
    if let charset { fields.append("Accept-Charset", charset) }
    let grammar = WADOGrammar(dicomWebRoot: "/dicom-web", wadoURIPath: "/wado")
    return try grammar.parse(RequestHead(method: method, target: target, fields: fields))
}

/// The error that a request gets; nil when it is understood.
func refusal(_ target: String, accept: [String] = [], method: HTTPMethod = .get) -> WADOError? {
    do throws(WADOError) {
        _ = try ask(target, accept: accept, method: method)
        return nil
    } catch {
        return error
    }
}

let littleEndian = "1.2.840.10008.1.2.1"

extension Representation {
    /// In few words, for tables: "data *,1.2 multipart", "bulk image/jpeg@1.2 either", "json application/json".
    var words: String {
        switch self {
        case .dataSets(let syntaxes, let envelope):
            "data \(syntaxes.joined(separator: ",")) \(envelope)".short
        case .bulk(let types, let envelope):
            "bulk \(types.map { "\($0.type)@\($0.syntax)" }.joined(separator: ",")) \(envelope)".short
        case .json(let type): "json \(type)"
        case .xml: "xml"
        case .rendered(let types, let envelope): "rendered \(types.joined(separator: ",")) \(envelope)"
        }
    }
}

extension String {
    fileprivate var short: String {
        var text = ""
        var rest = self[...]
        while let range = rest.firstRange(of: "1.2.840.10008.1.2.") {
            text += rest[..<range.lowerBound] + "~"
            rest = rest[range.upperBound...]
        }
        return text + rest
    }
}
