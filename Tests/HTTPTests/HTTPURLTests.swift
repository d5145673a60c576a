import HTTP
import Testing

@Suite struct HTTPURLTests {
    @Test(arguments: [
        ("http://example.org", "http://example.org/"),
        ("HTTP://Example.ORG:80/a", "http://example.org/a"),
        ("https://h:443/a", "https://h/a"),
        ("https://h:/a", "https://h/a"),
        ("https://h:8443/a", "https://h:8443/a"),
        ("http://h/a/./b/../c", "http://h/a/c"),
        ("http://h/a/%2e%2E/c", "http://h/c"),
        ("http://h/../../x", "http://h/x"),
        ("http://h/a/..", "http://h/"),
        ("http://h/a/.", "http://h/a/"),
        ("http://h/a//b", "http://h/a//b"),
        ("http://h/%7euser/%41%2f%3f", "http://h/~user/A%2F%3F"),
        ("http://h?q=%61%2b|x", "http://h/?q=a%2B%7Cx"),
        ("http://h/a?", "http://h/a?"),
        ("http://h/a?b?c/../d", "http://h/a?b?c/../d"),
        ("http://h/a#frag?ment", "http://h/a"),
        ("http://[::1]:8042/x", "http://[::1]:8042/x"),
        ("http://[0:0:0:0:0:0:0:1]/", "http://[::1]/"),
        ("http://[2001:DB8::0:1]/", "http://[2001:db8::1]/"),
        ("http://[::ffff:10.0.0.1]/", "http://[::ffff:a00:1]/"),
        ("http://[1:0:0:2:0:0:0:3]/", "http://[1:0:0:2::3]/"),
    ])
    func normalizes(text: String, expected: String) {
        #expect(HTTPURL(text)?.description == expected)
        #expect(HTTPURL(expected)?.description == expected)
    }

    @Test(arguments: [
        "", "h/a", "ftp://h/", "http:/h", "http://", "http:///a", "http://user@h/", "http://user:pw@h/", "http://h:0/",
        "http://h:65536/", "http://h:99999999/", "http://h:8a/", "http://h:+80/", "http://h/a b", "http://h/\n",
        "http://h/%zz", "http://h/%4", "http://h/é", "http://h%2f/", "http://h\\@evil/", "http://h/a\\b",
        "http://h/..%2fadmin", "http://h/a/%2E%2E%5Cadmin", "http://[::1/", "http://[:::1]/", "http://[1::2::3]/",
        "http://[1:2:3:4:5:6:7]/", "http://[::1%25eth0]/", "http://[::1]x/", "http://[v1.a]/", "http://[1.2.3.4]/",
        "http://[::1.2.3.256]/", "http://[12345::]/", "javascript:alert(1)", "http://h/\u{0}", "file:///etc/passwd",
    ])
    func refuses(text: String) {
        #expect(HTTPURL(text) == nil)
    }

    @Test func refusesMoreThanEightKiB() {
        #expect(HTTPURL("http://h/" + String(repeating: "a", count: 8183)) != nil)
        #expect(HTTPURL("http://h/" + String(repeating: "a", count: 8184)) == nil)
    }

    @Test func tellsItsParts() throws {
        let url = try #require(HTTPURL("https://PACS.example:8443/dicom-web/studies?limit=1"))
        #expect(url.isSecure)
        #expect(url.host == "pacs.example")
        #expect(url.port == 8443)
        #expect(url.path == "/dicom-web/studies")
        #expect(url.query == "limit=1")
        #expect(url.origin == "https://pacs.example:8443")
        #expect(url.target == "/dicom-web/studies?limit=1")
    }

    @Test(arguments: [
        ("http://h/dicom-web", "http://h/dicom-web", true),
        ("http://h/dicom-web", "http://h/dicom-web/", true),
        ("http://h/dicom-web", "http://h/dicom-web/studies?x", true),
        ("http://h/dicom-web/", "http://h/dicom-web", true),
        ("http://h/dicom-web", "http://h/dicom-web2", false),
        ("http://h/dicom-web", "http://h/dicom-web/../admin", false),
        ("http://h/dicom-web", "http://h/dicom-web/%2e%2e/admin", false),
        ("http://h/dicom-web", "http://h/DICOM-web", false),
        ("http://h/", "http://h/anything", true),
        ("http://h:8042/", "http://h/", false),
        ("http://h/", "https://h/", false),
        ("http://h/", "https://h:80/", false),
        ("http://h/", "http://h.evil/", false),
        ("http://H/%61", "http://h/a/b", true),
    ])
    func containsByWholeSegments(base: String, other: String, expected: Bool) throws {
        let base = try #require(HTTPURL(base))
        let other = try #require(HTTPURL(other))
        #expect(base.contains(other) == expected)
    }

    /// RFC 3986 §5.4, in the scheme's own terms.
    @Test(arguments: [
        ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"),
        ("//g", "http://g/"), ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"), ("#s", "http://a/b/c/d;p?q"),
        ("g#s", "http://a/b/c/g"), ("", "http://a/b/c/d;p?q"), (".", "http://a/b/c/"), ("..", "http://a/b/"),
        ("../g", "http://a/b/g"), ("../../../g", "http://a/g"), ("g/./h", "http://a/b/c/g/h"),
        ("..g", "http://a/b/c/..g"),
        ("https://x/y", "https://x/y"), ("g:h", nil), ("http:g", nil), ("a b", nil), ("mailto:x@y", nil),
        ("..%2fg", nil), ("g;x=1/../y", "http://a/b/c/y"), ("./a:b", "http://a/b/c/a:b"),
    ])
    func resolves(reference: String, expected: String?) throws {
        let base = try #require(HTTPURL("http://a/b/c/d;p?q"))
        #expect(base.resolving(reference)?.description == expected)
    }

    @Test(arguments: [
        ("http://h", "studies/1", nil, "http://h/studies/1"),
        ("http://h/d", "/studies/1", "a=1", "http://h/d/studies/1?a=1"),
        ("http://h/d/", "studies", nil, "http://h/d/studies"),
        ("http://h/wado?site=7", "", "requestType=WADO", "http://h/wado?requestType=WADO"),
        ("http://h/wado?site=7", "x", nil, "http://h/wado/x?site=7"),
        ("http://h/d", "../../admin", nil, "http://h/d/admin"),
        ("http://h/d", "a/%2e%2e/%2e%2e/admin", nil, "http://h/d/admin"),
        ("http://h/d", "100%", nil, "http://h/d/100%25"),
        ("http://h/d", "a?b#c", nil, "http://h/d/a%3Fb%23c"),
        ("http://h/d/", "", nil, "http://h/d/"),
        ("http://h", "", nil, "http://h/"),
    ])
    func appends(base: String, path: String, query: String?, expected: String) throws {
        let base = try #require(HTTPURL(base))
        let result = base.appending(path: path, query: query)
        #expect(result.description == expected)
        #expect(HTTPURL(result.description) == result)
    }

    @Test func pathBelowIsWhatFollowsTheBase() throws {
        let base = try #require(HTTPURL("http://h/dicom-web/"))
        let other = try #require(HTTPURL("http://h/dicom-web/studies/1.2?x=y"))
        #expect(base.pathBelow(other) == "/studies/1.2")
        #expect(base.pathBelow(base) == "/")
    }
}

@Suite struct PercentCodingTests {
    @Test func encodesWhatAPlaceMayNotHold() {
        #expect(PercentCoding.encode("a/b c&é", for: .segment) == "a%2Fb%20c%26%C3%A9")
        #expect(PercentCoding.encode("image/png, a+b;q=1", for: .queryItem) == "image/png,%20a%2Bb%3Bq%3D1")
    }

    @Test(arguments: [
        ("a%20b", "a b"), ("%C3%A9", "é"), ("%c3%a9", "é"), ("%", nil), ("%4", nil), ("%zz", nil), ("%00", nil),
        ("%FF", nil), ("%0D%0A", nil), ("a+b", "a+b"), ("", ""),
    ])
    func decodes(text: String, expected: String?) {
        #expect(PercentCoding.decode(text) == expected)
    }

    @Test func decodesPlusAsSpaceWhereFormsWriteIt() {
        #expect(PercentCoding.decode("a+b%2Bc", plusIsSpace: true) == "a b+c")
    }
}
