import CachePolicy
import DICOM
import FHIR
import HTTP
import Testing
import WADO

@Suite struct BackendRequestTests {
    private let target = InstanceTarget(study: UID("1.2")!, series: UID("1.3")!, instance: UID("1.4")!)
    private let base = HTTPURL("http://pacs.example:8042/dicom-web")!
    private let uri = HTTPURL("http://pacs.example/wado?aet=A")!
    private let path = "/dicom-web/studies/1.2/series/1.3/instances/1.4"

    private func request(
        _ object: ObjectClass, _ type: ConnectionType, rendering: RenderingParameters = RenderingParameters(),
        abilities: Set<Ability> = [], frames: Int = 1
    ) throws -> BackendRequest {
        let facts = InstanceFacts(
            study: target.study, series: target.series, instance: target.instance, rows: 512, columns: 256,
            numberOfFrames: frames)
        return try BackendRequest(
            for: object, of: target, rendering: rendering, from: type, base: type == .wadoRS ? base : uri,
            abilities: Abilities(known: Dictionary(uniqueKeysWithValues: abilities.map { ($0, .configured(true)) })),
            facts: facts)
    }

    @Test(arguments: [
        (
            ObjectClass.instance(syntax: "stored"), "",
            "multipart/related; type=\"application/dicom\"; transfer-syntax=*"
        ),
        (
            .instance(syntax: "1.2.840.10008.1.2.1"), "",
            "multipart/related; type=\"application/dicom\"; transfer-syntax=1.2.840.10008.1.2.1"
        ),
        (
            .frame(3, syntax: "stored"), "/frames/3",
            "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*"
        ),
        (
            .frame(1, syntax: "1.2.840.10008.1.2.4.50"), "/frames/1",
            "multipart/related; type=\"image/jpeg\"; transfer-syntax=1.2.840.10008.1.2.4.50"
        ),
        (.bulk(tail: "bulk/00420011"), "/bulk/00420011", "multipart/related; type=\"application/octet-stream\""),
        (.metadata(.json), "/metadata", "application/dicom+json"),
        (.metadata(.xml), "/metadata", "multipart/related; type=\"application/dicom+xml\""),
        (.rendered(frame: nil, parameters: "", type: "image/png"), "/rendered", "image/png"),
        (.rendered(frame: 2, parameters: "", type: "image/jpeg"), "/frames/2/rendered", "image/jpeg"),
        (.thumbnail(frame: nil, parameters: "", type: "image/jpeg"), "/thumbnail", "image/jpeg"),
    ])
    func everyClassHasItsRestfulResource(object: ObjectClass, tail: String, accept: String) throws {
        let request = try request(object, .wadoRS)
        #expect(request.url.path == path + tail)
        #expect(request.accept == accept)
    }

    @Test func aURIArchiveIsAskedWithARawSlashAndItsOwnQueryKept() throws {
        let request = try request(.instance(syntax: "stored"), .wadoURI)
        #expect(
            request.url.description == "http://pacs.example/wado?aet=A&requestType=WADO&studyUID=1.2&seriesUID=1.3"
                + "&objectUID=1.4&contentType=application/dicom")
        #expect(request.answer == .dataSet)
    }

    @Test func aSyntaxIsNamedOnlyWhenOneIsWanted() throws {
        let request = try request(.instance(syntax: "1.2.840.10008.1.2.4.90"), .wadoURI)
        #expect(request.url.query?.hasSuffix("&transferSyntax=1.2.840.10008.1.2.4.90") == true)
    }

    @Test func theStoredSyntaxIsNamedToArchivesThatReadIt() throws {
        let stored = try request(.instance(syntax: "stored"), .wadoURI, abilities: [.storedSyntax])
        #expect(stored.url.query?.hasSuffix("&contentType=application/dicom&transferSyntax=*") == true)
        #expect(stored.needs.isEmpty && stored.wants.isEmpty)
    }

    @Test func frameNumberIsSentOnlyForSeveralFrames() throws {
        let picture = ObjectClass.rendered(frame: 1, parameters: "", type: "image/jpeg")
        #expect(try request(picture, .wadoURI).url.query?.contains("frameNumber") == false)
        let several = try request(picture, .wadoURI, frames: 5)
        #expect(several.url.query?.hasSuffix("&frameNumber=1") == true)
        #expect(several.needs == [.frameNumber])
    }

    @Test func theWholeInstancesPictureNamesAFrameWhereThatIsKnownToWork() throws {
        let picture = ObjectClass.rendered(frame: nil, parameters: "", type: "image/jpeg")
        let unknown = try request(picture, .wadoURI, frames: 5)
        #expect(unknown.url.query?.contains("frameNumber") == false)
        #expect(unknown.needs.isEmpty && unknown.wants == [.frameNumber])
        let able = try request(picture, .wadoURI, abilities: [.frameNumber], frames: 5)
        #expect(able.url.query?.hasSuffix("&frameNumber=1") == true)
    }

    @Test(arguments: ["image/gif", "video/mp4", "text/html"])
    func whatShowsEveryFrameNamesNone(type: String) throws {
        let picture = ObjectClass.rendered(frame: nil, parameters: "", type: type)
        let request = try request(picture, .wadoURI, abilities: [.frameNumber], frames: 5)
        #expect(request.url.query?.contains("frameNumber") == false)
        #expect(request.wants.isEmpty)
    }

    @Test func noFrameIsAskedForWhereTheirNumberIsUnknown() {
        #expect {
            try BackendRequest(
                for: .rendered(frame: 2, parameters: "", type: "image/jpeg"), of: target,
                rendering: RenderingParameters(), from: .wadoURI, base: uri, abilities: Abilities(), facts: nil)
        } throws: { ($0 as? WADOError)?.status == 501 }
    }

    @Test func qualityIsAskedOfLossyPicturesOnly() throws {
        var rendering = RenderingParameters()
        rendering.quality = 50
        for type in [ConnectionType.wadoRS, .wadoURI] {
            for (mediaType, isLossy) in [("image/jpeg", true), ("image/jp2", true), ("image/png", false)] {
                let picture = ObjectClass.rendered(frame: nil, parameters: "", type: mediaType)
                let request = try request(picture, type, rendering: rendering)
                #expect(request.needs == (isLossy ? [.quality] : []))
                #expect(request.url.query?.contains("uality=50") ?? false == isLossy)
            }
        }
    }

    @Test func aThumbnailIsASmallPictureOfAnArchiveWithoutThumbnails() throws {
        let thumbnail = ObjectClass.thumbnail(frame: nil, parameters: "", type: "image/png")
        let unknown = try request(thumbnail, .wadoURI)
        #expect(unknown.url.query?.hasSuffix("&contentType=image/png") == true)
        #expect(unknown.needs.isEmpty && unknown.wants == [.viewport])
        let able = try request(thumbnail, .wadoURI, abilities: [.viewport])
        #expect(able.url.query?.hasSuffix("&contentType=image/png&columns=128&rows=256") == true)
        #expect(able.needs == [.viewport])
        var known = Abilities(known: [.thumbnail: .refused(status: 404), .viewport: .proven(true)])
        func rendered() throws -> BackendRequest {
            try BackendRequest(
                for: thumbnail, of: target, rendering: RenderingParameters(), from: .wadoRS, base: base,
                abilities: known, facts: nil)
        }
        #expect(try rendered().url.description.hasSuffix("/instances/1.4/rendered?viewport=256,256"))
        known.known[.viewport] = nil
        #expect(try rendered().url.description.hasSuffix("/instances/1.4/rendered"))
        #expect(try rendered().wants == [.viewport])
    }

    /// There are archives that stretch a picture to both edges, or fill it up.
    @Test(arguments: [
        (rows: 2560, columns: 2048, viewport: "205,256"), (rows: 1, columns: 4096, viewport: "256,1"),
        (rows: 64, columns: 96, viewport: "96,64"), (rows: 0, columns: 512, viewport: "256,1"),
    ])
    func aThumbnailHasTheImagesShapeAndIsNoLarger(rows: Int, columns: Int, viewport: String) throws {
        let facts = InstanceFacts(
            study: target.study, series: target.series, instance: target.instance, rows: rows, columns: columns)
        let request = try BackendRequest(
            for: .thumbnail(frame: nil, parameters: "", type: "image/jpeg"), of: target,
            rendering: RenderingParameters(), from: .wadoRS, base: base,
            abilities: Abilities(known: [.thumbnail: .refused(status: 404), .viewport: .proven(true)]), facts: facts)
        #expect(request.url.query == "viewport=\(viewport)")
    }

    @Test func aFrameBeyondTheLastIs404() {
        let picture = ObjectClass.rendered(frame: 2, parameters: "", type: "image/jpeg")
        #expect { try request(picture, .wadoURI) } throws: { ($0 as? WADOError)?.status == 404 }
    }

    @Test(arguments: [ConnectionType.wadoURI, .wadoRS])
    func saysWhichAbilityAParameterNeeds(type: ConnectionType) throws {
        var rendering = RenderingParameters()
        rendering.window = .init(center: "40", width: "400", function: .linear)
        let picture = ObjectClass.rendered(frame: nil, parameters: rendering.normalForm, type: "image/jpeg")
        #expect(try request(picture, type, rendering: rendering).needs == [.window])
        let refusal = BackendRequest.refusal(lacking: [.window], type: type)
        #expect(refusal.status == 501 && refusal.message.contains("\"window\""))
    }

    @Test(arguments: [
        ObjectClass.frame(1, syntax: "stored"), .bulk(tail: "bulk/1"), .metadata(.json),
    ])
    func whatIsNotTranslatedIs501(object: ObjectClass) {
        #expect { try request(object, .wadoURI) } throws: { ($0 as? WADOError)?.status == 501 }
        #expect(BackendRequest.refusal(of: object, by: .archive)?.status == 501)
    }

    @Test func aFolderHasNoPictures() {
        let picture = ObjectClass.rendered(frame: nil, parameters: "", type: "image/jpeg")
        #expect(BackendRequest.refusal(of: picture, by: .archive)?.status == 406)
    }
}
