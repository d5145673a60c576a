// The demo's own client: it asks as any client from outside would, HEAD included.
import HTTP

/// What came back.
struct ClientAnswer {
    let status: Int
    let fields: HTTPFields
    /// Without its framing.
    let body: [UInt8]
    /// The body ended where it should.
    let isComplete: Bool
    let duration: Duration
}

/// Asks 127.0.0.1.
struct LoopbackClient {
    let port: UInt16
    /// More is not read: the demo's objects are small.
    static let largestAnswer = 256 << 20
    static let timeout = Duration.seconds(30)

    /// Asks once, on a connection of its own.
    ///
    /// - Returns: nil when there was no answer, or none that is HTTP.
    func ask(_ method: String, _ target: String, _ fields: [(String, String)] = []) -> ClientAnswer? {
        let began = ContinuousClock.now
        do throws(PlainConnection.Failure) {
            let connection = try PlainConnection(host: "127.0.0.1", port: port, isHead: method == "HEAD")
            try connection.send(method, target, fields)
            var body: [UInt8] = []
            let (status, fields) = try connection.head(within: Self.timeout, into: &body)
            var isComplete = true
            do throws(PlainConnection.Failure) {
                while body.count < Self.largestAnswer, let piece = try connection.next(within: Self.timeout),
                    !piece.isEmpty
                {
                    body += piece
                }
                isComplete = connection.isComplete
            } catch {
                isComplete = false
            }
            return ClientAnswer(
                status: status, fields: fields, body: body, isComplete: isComplete,
                duration: ContinuousClock.now - began)
        } catch {
            return nil
        }
    }
}
