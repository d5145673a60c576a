// The running gateway as commands reach it: its admin listener, and the token for changes. Both stand in the configuration that
// the gateway was started with.
import Configuration
import FHIR
import HTTP
import HTTPServer
import Operations

/// Why a command ends: its exit code, and a sentence with a next step.
struct CommandFailure: Error {
    let status: ExitStatus
    let sentence: String

    init(_ status: ExitStatus, _ sentence: String) {
        self.status = status
        self.sentence = sentence
    }
}

/// Asks the admin listener of a running gateway.
struct AdminClient {
    let address: ListenAddress
    private let token: String?

    static let options: [Option] =
        Command.configured + [
            Option(
                "admin", value: "URL",
                "The gateway's admin listener, instead of the configuration's: http://127.0.0.1:9090."),
            Option("token-file", value: "FILE", "The file with the admin token, instead of the configuration's."),
        ]

    /// - Throws: ``CommandFailure`` when address or token can't be found.
    init(_ arguments: Arguments) throws(CommandFailure) {
        var tokenFile = arguments["token-file"]
        if let url = arguments["admin"] {
            guard let address = Self.address(of: url) else {
                throw CommandFailure(.usage, "--admin takes http://HOST:PORT")
            }
            self.address = address
        } else {
            do throws(ConfigurationError) {
                let (configuration, file) = try ConfigurationFile.read(arguments)
                tokenFile = tokenFile ?? configuration.admin.tokenFile
                guard let listen = configuration.adminListen.first else {
                    throw ConfigurationError(
                        problems: [Problem("admin.listen names no address", at: Place(source: file ?? "defaults"))])
                }
                address = Self.reachable(listen)
            } catch {
                ConfigurationFile.report(error)
                throw CommandFailure(
                    .configuration,
                    "name the running gateway's configuration with --config, or its admin listener with --admin")
            }
        }
        guard let tokenFile else {
            token = nil
            return
        }
        guard let bytes = SmallFile.read(tokenFile, most: 4096) else {
            throw CommandFailure(
                .failure, "the token file \(tokenFile) can't be read; run this as a user who may read it")
        }
        token = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }, as: UTF8.self)
    }

    private static func address(of url: String) -> ListenAddress? {
        guard let url = HTTPURL(url), !url.isSecure, url.path.isEmpty || url.path == "/" else { return nil }
        let host = url.host.hasPrefix("[") ? String(url.host.dropFirst().dropLast()) : url.host
        return UInt16(exactly: url.port).map { ListenAddress(host: host, port: $0) }
    }

    /// What listens everywhere is reached here.
    private static func reachable(_ address: ListenAddress) -> ListenAddress {
        switch address.host {
        case "0.0.0.0": ListenAddress(host: "127.0.0.1", port: address.port)
        case "::": ListenAddress(host: "::1", port: address.port)
        default: address
        }
    }

    // MARK: Asking

    /// How long an answer may take to begin, or to go on.
    static let patience = Duration.seconds(600)

    /// Sends a request and waits for the answer's head.
    ///
    /// - Parameter body: of the answer, as far as it came along.
    /// - Throws: ``CommandFailure``, also for every status but 200.
    func begin(
        _ method: String, _ target: String, sending content: [UInt8] = [], interrupt: Interrupt? = nil,
        into body: inout [UInt8]
    ) throws(CommandFailure) -> PlainConnection {
        let connection: PlainConnection
        let status: Int
        do throws(PlainConnection.Failure) {
            connection = try PlainConnection(host: address.host, port: address.port, interrupt: interrupt)
            let fields = token.map { [("Authorization", "Bearer \($0)")] } ?? []
            try connection.send(method, target, fields, body: content)
            status = try connection.head(within: Self.patience, into: &body).status
            if status == 200 { return connection }
            while let piece = try connection.next(within: Self.patience), !piece.isEmpty { body += piece }
        } catch {
            throw failure(error)
        }
        let text = String(decoding: body.prefix(4096), as: UTF8.self)
        let sentence = text.split(separator: "\n").first.map(String.init) ?? "it has answered \(status)"
        throw CommandFailure(.failure, sentence)
    }

    func failure(_ error: PlainConnection.Failure) -> CommandFailure {
        switch error {
        case .unreachable(let reason):
            CommandFailure(
                .unreachable,
                "no gateway answers at http://\(address): \(reason). Is it running, and is this its admin listener? "
                    + "--config or --admin name another")
        case .brokenOff(let reason):
            CommandFailure(.unreachable, "the gateway at http://\(address) broke off: \(reason); its log may tell why")
        case .notHTTP: CommandFailure(.unreachable, "what listens at http://\(address) is no wadogate")
        case .interrupted: CommandFailure(.interrupted, "interrupted")
        }
    }

    /// Asks for an answer that is there as a whole.
    ///
    /// - Throws: ``CommandFailure``.
    func ask(_ method: String, _ target: String) throws(CommandFailure) -> [UInt8] {
        var body: [UInt8] = []
        let connection = try begin(method, target, into: &body)
        do throws(PlainConnection.Failure) {
            while let piece = try connection.next(within: Self.patience), !piece.isEmpty { body += piece }
        } catch {
            throw failure(error)
        }
        return body
    }

    /// Asks, and reads the JSON that comes.
    ///
    /// - Throws: ``CommandFailure``.
    func json(_ method: String, _ target: String) throws(CommandFailure) -> FHIR.JSONValue {
        try Self.read(try ask(method, target))
    }

    static func read(_ bytes: [UInt8]) throws(CommandFailure) -> FHIR.JSONValue {
        do { return try JSONReader.read(bytes) } catch {
            throw CommandFailure(.failure, "the gateway's answer is not understood; is it of this version?")
        }
    }
}

extension FHIR.JSONValue {
    /// A number or "0" for none.
    func count(_ name: String) -> Int64 { self[name]?.integer.map { Int64($0) } ?? 0 }
    func text(_ name: String) -> String { self[name]?.string ?? "" }
    /// On one line.
    var line: String { copy.line }

    private var copy: Operations.JSONValue {
        switch self {
        case .null: .null
        case .bool(let flag): .flag(flag)
        case .number(let number): .integer(Int64(exactly: number) ?? 0)
        case .string(let text): .text(text)
        case .array(let values): .array(values.map(\.copy))
        case .object(let members): .object(members.map { ($0.name, $0.value.copy) })
        }
    }

    func flag(_ name: String) -> Bool { self[name] == .bool(true) }
}
