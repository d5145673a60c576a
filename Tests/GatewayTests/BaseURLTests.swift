import Gateway
import HTTP
import Testing

@Suite struct BaseURLTests {
    private func origin(
        _ settings: GatewaySettings = GatewaySettings(), host: String?,
        forwarded: [(String, String)] = [], isSecure: Bool = false
    ) throws -> String {
        var fields = HTTPFields()
        for (name, value) in forwarded { fields.append(name, value) }
        return try BaseURL.origin(
            settings: settings, host: host, forwarded: forwarded.isEmpty ? nil : Forwarded(fields), isSecure: isSecure)
    }

    @Test func hostOfTheRequestCountsWhenItIsAllowed() throws {
        #expect(try origin(host: "localhost:8080") == "http://localhost:8080")
        #expect(try origin(host: "127.0.0.1", isSecure: true) == "https://127.0.0.1")
        #expect(try origin(host: "[::1]:8080") == "http://[::1]:8080")
    }

    @Test(arguments: ["evil.example", "localhost.evil.example", "localhost@evil.example", "", "local host", "a/b"])
    func otherHostsAreRefused(host: String) {
        #expect(throws: Problem.self) { try origin(host: host) }
    }

    @Test func whatATrustedProxyForwardsIsCheckedLikeAnyHost() throws {
        var settings = GatewaySettings()
        settings.allowedHosts = ["images.example.org"]
        let forwarded = [("Forwarded", "for=10.0.0.9;host=images.example.org;proto=https")]
        #expect(try origin(settings, host: "10.0.0.7:8080", forwarded: forwarded) == "https://images.example.org")
        #expect(throws: Problem.self) {
            try origin(settings, host: "images.example.org", forwarded: [("Forwarded", "host=evil.example")])
        }
        #expect(
            try origin(settings, host: "images.example.org", forwarded: [("X-Forwarded-Proto", "javascript")])
                == "http://images.example.org")
    }

    @Test func publicURLWinsOverEverything() throws {
        var settings = GatewaySettings()
        settings.publicURL = HTTPURL("https://images.example.org")
        #expect(try origin(settings, host: "evil.example") == "https://images.example.org")
    }
}

@Suite struct AddressBlockTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.1", false), ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.1", "127.0.0.2", false), ("192.168.4.0/22", "192.168.7.255", true),
        ("192.168.4.0/22", "192.168.8.0", false), ("0.0.0.0/0", "8.8.8.8", true), ("::1", "::1", true),
        ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::1", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("::/0", "10.1.2.3", false),
    ])
    func containsWhatItsPrefixCovers(block: String, address: String, expected: Bool) throws {
        #expect(try #require(AddressBlock(block)).contains(address) == expected)
    }

    @Test(arguments: [
        "", "10.0.0", "10.0.0.256", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "::1::", "1:2:3:4:5:6:7:8:9", "g::1",
        "::1/129", "+1.2.3.4", "host.example",
    ])
    func refusesWhatIsNoAddress(text: String) {
        #expect(AddressBlock(text) == nil)
    }
}
