import HTTP
import Testing

@Suite struct ByteRangeTests {
    @Test(arguments: [
        ("bytes=0-0", 0, 1), ("bytes=0-99", 0, 100), ("bytes=10-19", 10, 10), ("bytes=90-", 90, 10),
        ("bytes=90-1000", 90, 10), ("bytes=-1", 99, 1), ("bytes=-1000", 0, 100), ("Bytes= 5 - 6 ", 5, 2),
        ("bytes=5-99999999999999999999999", 5, 95), ("bytes=-99999999999999999999999", 0, 100),
    ])
    func answersOneRange(field: String, offset: Int64, count: Int64) throws {
        guard case .part(let range) = ByteRange.evaluate(field, length: 100) else {
            Issue.record("no range")
            return
        }
        #expect(range.offset == offset)
        #expect(range.count == count)
        #expect(range.contentRange == "bytes \(offset)-\(offset + count - 1)/100")
    }

    @Test(arguments: [
        nil, "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=0-1,3-4", "bytes=+1-2", "bytes=1-2x",
        "items=0-1", "bytes=--1", "bytes=0x1-2",
    ])
    func ignores(field: String?) {
        #expect(ByteRange.evaluate(field, length: 100) == .whole)
    }

    @Test(arguments: ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999999-"])
    func cannotSatisfy(field: String) {
        #expect(ByteRange.evaluate(field, length: 100) == .unsatisfiable)
    }

    @Test func nothingOfAnEmptyRepresentation() {
        #expect(ByteRange.evaluate("bytes=0-", length: 0) == .unsatisfiable)
        #expect(ByteRange.evaluate("bytes=-5", length: 0) == .unsatisfiable)
        #expect(ByteRange.unsatisfiedContentRange(length: 0) == "bytes */0")
    }
}

@Suite struct EntityTagTests {
    @Test(arguments: [("\"a\"", "\"a\""), ("W/\"a,b\"", "W/\"a,b\""), (" \"\" ", "\"\"")])
    func reads(text: String, expected: String) {
        #expect(EntityTag(text)?.description == expected)
    }

    @Test(arguments: ["", "a", "\"a", "w/\"a\"", "\"a\", \"b\"", "\"a b\"", "\"a\"x", "*"])
    func refuses(text: String) {
        #expect(EntityTag(text) == nil)
    }

    @Test func comparesStronglyAndWeakly() {
        let strong = EntityTag(opaque: "a")
        let weak = EntityTag(opaque: "a", isWeak: true)
        #expect(strong.stronglyMatches(strong))
        #expect(!strong.stronglyMatches(weak))
        #expect(strong.weaklyMatches(weak))
        #expect(!strong.weaklyMatches(EntityTag(opaque: "b")))
    }
}

@Suite struct PreconditionsTests {
    private static let modified: Int64 = 784_111_777
    private static let date = "Sun, 06 Nov 1994 08:49:37 GMT"
    private static let earlier = "Sun, 06 Nov 1994 08:49:36 GMT"

    @Test(
        arguments: [
            ([], .proceed(allowsRange: true)),
            ([("If-None-Match", "\"x\"")], .notModified),
            ([("If-None-Match", "W/\"x\"")], .notModified),
            ([("If-None-Match", "\"a\", \"x\"")], .notModified),
            ([("If-None-Match", "\"a\""), ("If-None-Match", "\"x\"")], .notModified),
            ([("If-None-Match", "*")], .notModified),
            ([("If-None-Match", "\"a\"")], .proceed(allowsRange: true)),
            ([("If-None-Match", "\"a\""), ("If-Modified-Since", date)], .proceed(allowsRange: true)),
            ([("If-Modified-Since", date)], .notModified),
            ([("If-Modified-Since", earlier)], .proceed(allowsRange: true)),
            ([("If-Modified-Since", "yesterday")], .proceed(allowsRange: true)),
            ([("If-Match", "\"x\"")], .proceed(allowsRange: true)),
            ([("If-Match", "*")], .proceed(allowsRange: true)),
            ([("If-Match", "W/\"x\"")], .failed),
            ([("If-Match", "\"a\"")], .failed),
            ([("If-Match", "\"x\""), ("If-Unmodified-Since", earlier)], .proceed(allowsRange: true)),
            ([("If-Unmodified-Since", earlier)], .failed),
            ([("If-Unmodified-Since", date)], .proceed(allowsRange: true)),
            ([("If-Range", "\"x\"")], .proceed(allowsRange: true)),
            ([("If-Range", "W/\"x\"")], .proceed(allowsRange: false)),
            ([("If-Range", "\"a\"")], .proceed(allowsRange: false)),
            ([("If-Range", date)], .proceed(allowsRange: true)),
            ([("If-Range", earlier)], .proceed(allowsRange: false)),
            ([("If-Range", "x")], .proceed(allowsRange: false)),
        ] as [([(String, String)], Preconditions.Outcome)])
    func decides(fields: [(String, String)], expected: Preconditions.Outcome) {
        var written = HTTPFields()
        for (name, value) in fields { written.append(name, value) }
        let tag = EntityTag(opaque: "x")
        #expect(Preconditions(written).evaluate(tag: tag, lastModified: Self.modified) == expected)
    }

    @Test func withoutTagAndDateOnlyIfMatchDecides() {
        #expect(
            Preconditions(["If-None-Match": "\"x\""]).evaluate(tag: nil, lastModified: nil)
                == .proceed(allowsRange: true))
        #expect(
            Preconditions(["If-Modified-Since": Self.date]).evaluate(tag: nil, lastModified: nil)
                == .proceed(allowsRange: true))
        #expect(Preconditions(["If-Match": "\"x\""]).evaluate(tag: nil, lastModified: nil) == .failed)
        #expect(
            Preconditions(["If-Range": Self.date]).evaluate(tag: nil, lastModified: nil) == .proceed(allowsRange: false)
        )
    }
}

@Suite struct ForwardedTests {
    @Test(
        arguments: [
            (["Forwarded": "host=Images.Example.org;proto=https"], "images.example.org", true),
            (["Forwarded": "for=1.2.3.4; Host=\"h:8080\"; PROTO=http"], "h:8080", false),
            (["Forwarded": "for=\"[2001:db8::1]\";host=evil, for=2;host=h;proto=https"], "h", true),
            (["Forwarded": "host=evil", "Forwarded": "for=9"], nil, nil),
            (["Forwarded": "host=\"a\\\"b\""], nil, nil),
            (["Forwarded": "host=h/x;proto=gopher"], nil, nil),
            (["Forwarded": "host=user@h"], nil, nil),
            (["Forwarded": "host=\"[::1]:90\""], "[::1]:90", nil),
            (["X-Forwarded-Host": "evil, H", "X-Forwarded-Proto": "https"], "h", true),
            (["X-Forwarded-Host": "h:80"], "h:80", nil),
            (["Forwarded": "for=1", "X-Forwarded-Host": "h"], nil, nil),
            ([:], nil, nil),
        ] as [(HTTPFields, String?, Bool?)])
    func reads(fields: HTTPFields, host: String?, isSecure: Bool?) {
        let forwarded = Forwarded(fields)
        #expect(forwarded.host == host)
        #expect(forwarded.isSecure == isSecure)
    }
}
