import HTTP
import Synchronization
import Testing
import Upstream

@Suite struct RedirectTests {
    /// Answers `/from` and its like with a redirect, everything else with its own path.
    private static func origin(_ location: @escaping @Sendable (_ path: String) -> String?) throws -> Origin {
        try Origin { conversation in
            while let head = conversation.readHead() {
                let path = String(head.split(separator: " ")[1])
                if let location = location(path) {
                    try conversation.send(
                        "HTTP/1.1 302 Found\r\nLocation: \(location)\r\nContent-Length: 3\r\n\r\nsee")
                } else {
                    try conversation.send(
                        "HTTP/1.1 200 OK\r\nContent-Length: \(path.utf8.count)\r\n\r\n\(path)")
                }
            }
        }
    }

    @Test(arguments: ["/dicom-web/to", "to", "./x/../to", "http://127.0.0.1:PORT/dicom-web/to"])
    func redirectWithinTheBackendIsFollowed(_ location: String) async throws {
        let port = Mutex(0)
        let origin = try Self.origin { path in
            path == "/dicom-web/from"
                ? location.replacing("PORT", with: "\(port.withLock { $0 })") : nil
        }
        port.withLock { $0 = origin.port }
        let bed = try Bed(origin, match: "/dicom-web")
        let (url, body) = try await bed.run { loop in
            let response = try await bed.upstream.get(try bed.request("/dicom-web/from"), on: loop)
            return (response.url, try await response.wholeBody())
        }
        #expect(url.path == "/dicom-web/to")
        #expect(String(decoding: body, as: UTF8.self) == "/dicom-web/to")
    }

    @Test(arguments: [
        "/elsewhere", "/dicom-web-2/to", "../admin", "%2e%2e/admin", "http://127.0.0.1:1/dicom-web/to",
        "https://127.0.0.1/dicom-web/to", "http://backend.invalid/dicom-web/to", "//backend.invalid/dicom-web/to",
        "http://user@127.0.0.1/dicom-web/to", "file:///etc/passwd", "http://[::1]/dicom-web/to", "gopher://x/",
    ])
    func redirectElsewhereIsRefused(_ location: String) async throws {
        let seen = Mutex<[String]>([])
        let origin = try Self.origin { path in
            seen.withLock { $0.append(path) }
            return path == "/dicom-web/from" ? location : nil
        }
        let bed = try Bed(origin, match: "/dicom-web")
        #expect(try await bed.failure("/dicom-web/from") == .redirectRefused)
        #expect(seen.withLock { $0 } == ["/dicom-web/from"])
        #expect(bed.counters.active == 0)
    }

    @Test func fiveRedirectsAreFollowedAndNoMore() async throws {
        let asked = Mutex(0)
        let origin = try Self.origin { path in
            asked.withLock { $0 += 1 }
            let step = Int(path.dropFirst()) ?? 0
            return step > 0 ? "/\(step - 1)" : nil
        }
        let bed = try Bed(origin)
        #expect(String(decoding: try await bed.fetch("/5").body, as: UTF8.self) == "/0")
        #expect(asked.withLock { $0 } == 6)
        #expect(try await bed.failure("/6") == .redirectRefused)
        #expect(asked.withLock { $0 } == 12)
    }

    @Test func loopOfRedirectsEnds() async throws {
        let bed = try Bed(Self.origin { _ in "/again" })
        #expect(try await bed.failure("/again") == .redirectRefused)
    }

    @Test func redirectOntoABackendOfAnotherRoleIsRefused() async throws {
        let origin = try Self.origin { $0 == "/images/from" ? "/fhir/to" : nil }
        let base = "http://127.0.0.1:\(origin.port)"
        var directory = Backend(name: "fhir", match: try Bed.url(base + "/fhir"))
        directory.role = .directory
        let bed = try Bed(backends: [Backend(name: "pacs", match: try Bed.url(base + "/images")), directory])
        await #expect {
            _ = try await bed.run { loop in
                try await bed.upstream.get(UpstreamRequest(url: try Bed.url(base + "/images/from")), on: loop).head
            }
        } throws: { ($0 as? UpstreamError)?.kind == .redirectRefused }
        origin.stop()
    }

    @Test func redirectIntoAnotherBackendIsRefused() async throws {
        let origin = try Self.origin { $0 == "/from" ? "/inner/to" : nil }
        let base = "http://127.0.0.1:\(origin.port)"
        let bed = try Bed(backends: [
            Backend(name: "outer", match: try Bed.url(base)),
            Backend(name: "inner", match: try Bed.url(base + "/inner")),
        ])
        await #expect {
            _ = try await bed.run { loop in
                try await bed.upstream.get(UpstreamRequest(url: try Bed.url(base + "/from")), on: loop).head
            }
        } throws: { ($0 as? UpstreamError)?.kind == .redirectRefused }
        origin.stop()
    }

    @Test func redirectStatusWithoutLocationIsAnAnswer() async throws {
        let bed = try Bed(Origin { try $0.answerAll("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n") })
        #expect(try await bed.fetch().head.status == 302)
    }
}
