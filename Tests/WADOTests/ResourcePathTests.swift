import DICOM
import HTTP
import Testing
import WADO

@Suite struct ResourcePathTests {
    static let instance = "/dicom-web/studies/1.2/series/1.3/instances/1.4"

    @Test(
        arguments: [
            ("/dicom-web/studies/1.2", "1.2", nil, nil, .dataSets),
            ("/dicom-web/studies/1.2/", "1.2", nil, nil, .dataSets),
            ("/dicom-web/%73tudies/1%2e2", "1.2", nil, nil, .dataSets),
            ("/dicom-web/studies/1.2/series/1.3", "1.2", "1.3", nil, .dataSets),
            (instance, "1.2", "1.3", "1.4", .dataSets),
            ("/dicom-web/studies/1.2/metadata", "1.2", nil, nil, .metadata),
            ("/dicom-web/studies/1.2/series/1.3/metadata", "1.2", "1.3", nil, .metadata),
            (instance + "/metadata", "1.2", "1.3", "1.4", .metadata),
            ("/dicom-web/studies/1.2/rendered", "1.2", nil, nil, .rendered(frames: nil)),
            ("/dicom-web/studies/1.2/series/1.3/rendered", "1.2", "1.3", nil, .rendered(frames: nil)),
            (instance + "/rendered", "1.2", "1.3", "1.4", .rendered(frames: nil)),
            ("/dicom-web/studies/1.2/thumbnail", "1.2", nil, nil, .thumbnail(frame: nil)),
            ("/dicom-web/studies/1.2/series/1.3/thumbnail/", "1.2", "1.3", nil, .thumbnail(frame: nil)),
            (instance + "/thumbnail", "1.2", "1.3", "1.4", .thumbnail(frame: nil)),
            ("/dicom-web/studies/1.2/bulkdata", "1.2", nil, nil, .bulkData),
            ("/dicom-web/studies/1.2/series/1.3/pixeldata", "1.2", "1.3", nil, .pixelData),
            (instance + "/pixeldata", "1.2", "1.3", "1.4", .pixelData),
            (instance + "/bulkdata", "1.2", "1.3", "1.4", .bulkData),
            (instance + "/frames/1", "1.2", "1.3", "1.4", .frames([1])),
            (instance + "/frames/3,1,1", "1.2", "1.3", "1.4", .frames([3, 1, 1])),
            (instance + "/frames/1%2C2", "1.2", "1.3", "1.4", .frames([1, 2])),
            (instance + "/frames/007", "1.2", "1.3", "1.4", .frames([7])),
            (instance + "/frames/2/rendered", "1.2", "1.3", "1.4", .rendered(frames: [2])),
            (instance + "/frames/2,4/rendered", "1.2", "1.3", "1.4", .rendered(frames: [2, 4])),
            (instance + "/frames/2/thumbnail", "1.2", "1.3", "1.4", .thumbnail(frame: 2)),
            (instance + "/bulk/00420011", "1.2", "1.3", "1.4", .bulk(tail: "bulk/00420011")),
            (
                instance + "/bulkdata/00091001/1/00091002/", "1.2", "1.3", "1.4",
                .bulk(tail: "bulkdata/00091001/1/00091002")
            ),
            (instance + "/bulkdata/~a_b-C", "1.2", "1.3", "1.4", .bulk(tail: "bulkdata/~a_b-C")),
            (instance + "/bulkdata/a%20b%41%3f", "1.2", "1.3", "1.4", .bulk(tail: "bulkdata/a%20bA%3F")),
        ] as [(String, String, String?, String?, RetrieveRequest.Resource)])
    func reads(
        path: String, study: String, series: String?, instance: String?, resource: RetrieveRequest.Resource
    ) throws {
        let request = try #require(try ask(path))
        #expect(request.frontDoor == .wadoRS)
        #expect(request.study?.string == study)
        #expect(request.series?.string == series)
        #expect(request.instance?.string == instance)
        #expect(request.resource == resource)
        #expect(request.rendering.isDefault)
        #expect(request.warnings.isEmpty)
        #expect(try ask(path, method: .head) == request)
    }

    @Test(arguments: [
        ("/dicom-web/studies/..", "Study Instance UID"),
        ("/dicom-web/studies/%2e%2e/metadata", "Study Instance UID"),
        ("/dicom-web/studies//series/1.3", "Study Instance UID"),
        ("/dicom-web/studies/1.2%2f3", "Study Instance UID"),
        ("/dicom-web/studies/1.2%00", "Study Instance UID"),
        ("/dicom-web/studies/abc", "\"abc\""),
        ("/dicom-web/studies/1." + String(repeating: "2", count: 63), "64"),
        ("/dicom-web/studies/1.2/series/1..3", "Series Instance UID"),
        ("/dicom-web/studies/1.2/series/1.3/instances/x", "SOP Instance UID"),
        ("/dicom-web/studies/1.2/series/1.3/instances/<script>", "?script?"),
        ("/dicom-web/studies/1.2%", "percent"),
        (instance + "/frames/0", "frame list"),
        (instance + "/frames/-1", "frame list"),
        (instance + "/frames/1,,2", "frame list"),
        (instance + "/frames/1,a", "frame list"),
        (instance + "/frames/1.5", "frame list"),
        (instance + "/frames/+1", "frame list"),
        (instance + "/frames/99999999999999999999", "frame list"),
        (instance + "/frames", "frame list"),
        (instance + "/frames/1,2/thumbnail", "one frame"),
        (instance + "/bulkdata/../1.5", "bulk data path"),
        (instance + "/bulkdata/%2E%2e/1.5", "bulk data path"),
        (instance + "/bulkdata/..%2f..%2f1", "bulk data path"),
        (instance + "/bulkdata/a%5cb", "bulk data path"),
        (instance + "/bulkdata/a//b", "bulk data path"),
        (instance + "/bulkdata/a%00", "bulk data path"),
    ])
    func refusesNamingTheSegment(path: String, word: String) throws {
        let error = try #require(refusal(path))
        #expect(error.status == 400)
        #expect(error.message.contains(word), "\(error.message)")
        #expect(!error.message.contains("<"))
        #expect(error.message.utf8.count < 400)
    }

    @Test func boundsListsAndTails() {
        let frames = Array(repeating: "1", count: 10_001).joined(separator: ",")
        #expect(refusal(Self.instance + "/frames/" + frames)?.message.contains("10001 frames") == true)
        #expect(refusal(Self.instance + "/frames/" + frames.dropLast(2)) == nil)
        #expect(refusal(Self.instance + "/bulkdata/" + String(repeating: "a", count: 13_000))?.status == 400)
    }

    @Test(arguments: [
        "/dicom-web", "/dicom-web/", "/dicom-web/patients", "/dicom-web/studies/1.2/instances/1.3",
        "/dicom-web/studies/1.2/x",
        "/dicom-web/studies/1.2/metadata/x", "/dicom-web/studies/1.2/frames/1", "/dicom-web/studies/1.2/bulkdata/x",
        instance + "/bulk", instance + "/frames/1/x", instance + "/frames/1/rendered/x", instance + "/rendered3d",
        instance + "/htj2kThumbnail/1", "/dicom-web/STUDIES/1.2", "/dicom-web/studies/1.2/instances/1.3/metadata",
    ])
    func doesNotKnow(path: String) throws {
        let error = try #require(refusal(path))
        #expect(error.status == 404)
        #expect(error.message.hasSuffix("."))
    }

    @Test(arguments: [
        "/dicom-web/studies", "/dicom-web/studies?limit=101&offset=0", "/dicom-web/studies/", "/dicom-web/series",
        "/dicom-web/instances", "/dicom-web/studies/1.2/series?includefield=0008103E",
        "/dicom-web/studies/1.2/instances",
        "/dicom-web/studies/1.2/series/1.3/instances",
    ])
    func searchesAreNotThereYet(path: String) {
        #expect(refusal(path)?.status == 501)
    }

    @Test(arguments: ["/", "/dicom-web2/studies/1", "/wado2", "/wadox", "/wado/studies", "/favicon.ico", "*"])
    func belongsToNeitherDoor(path: String) throws {
        #expect(try ask(path) == nil)
    }

    @Test(arguments: [HTTPMethod.post, .put, .delete])
    func onlyRetrieves(method: HTTPMethod) throws {
        for target in ["/dicom-web/studies/1.2", "/wado?requestType=WADO"] {
            let error = try #require(refusal(target, method: method))
            #expect(error.status == 405)
            #expect(error.allow == "GET, HEAD")
        }
    }

    @Test func rootMayBeEmptyOrEndInASlash() throws {
        for root in ["", "/", "/a/b/"] {
            let grammar = WADOGrammar(dicomWebRoot: root, wadoURIPath: "/wado")
            let target = (root.hasSuffix("/") ? String(root.dropLast()) : root) + "/studies/1.2"
            #expect(try grammar.parse(RequestHead(method: .get, target: target))?.study == UID("1.2"))
            #expect(try grammar.parse(RequestHead(method: .get, target: "/ohif/")) == nil)
        }
    }
}
