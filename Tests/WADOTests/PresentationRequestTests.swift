import CachePolicy
import DICOM
import FHIR
import HTTP
import Testing
import WADO

@Suite struct PresentationRequestTests {
    private let image = InstanceTarget(
        study: UID(literal: "1.2"), series: UID(literal: "1.3"), instance: UID(literal: "1.4"))

    private func request(
        _ type: ConnectionType, frames: Int = 1, abilities: Set<Ability> = [],
        _ change: (inout RenderingParameters) -> Void = { _ in }
    ) throws -> BackendRequest {
        var rendering = RenderingParameters()
        rendering.presentation = .init(series: UID(literal: "8"), instance: UID(literal: "9"))
        change(&rendering)
        return try BackendRequest(
            for: .rendered(frame: nil, parameters: rendering.normalForm, type: "image/png"), of: image,
            rendering: rendering, from: type, base: try #require(HTTPURL("http://a/x")),
            abilities: Abilities(known: Dictionary(uniqueKeysWithValues: abilities.map { ($0, .configured(true)) })),
            facts: InstanceFacts(
                study: image.study, series: image.series, instance: image.instance, rows: 480, columns: 640,
                numberOfFrames: frames))
    }

    @Test func aURIArchiveIsAskedForTheImageUnderIt() throws {
        let request = try request(.wadoURI, frames: 5, abilities: [.frameNumber]) { $0.columns = 100 }
        #expect(
            request.url.query == "requestType=WADO&studyUID=1.2&seriesUID=1.3&objectUID=1.4&contentType=image/png"
                + "&columns=100&presentationSeriesUID=8&presentationUID=9")
        #expect(request.needs == [.viewport, .presentation])
        #expect(request.wants.isEmpty)
    }

    @Test func aRestfulArchiveIsAskedForItsOwnPicture() throws {
        let request = try request(.wadoRS) { ($0.columns, $0.annotation) = (100, ["patient"]) }
        #expect(request.url.path == "/x/studies/1.2/series/8/instances/9/rendered")
        #expect(request.url.query == "annotation=patient&viewport=100,75")
        #expect(request.accept == "multipart/related; type=\"image/png\"")
        #expect(request.answer == .pictureOf(image))
        #expect(request.needs == [.viewport, .annotation])
    }

    @Test func aRestfulArchiveShowsItWhole() throws {
        #expect(try request(.wadoRS) { $0.area = .fractions(0, 0, 1, 1) }.url.query == nil)
        let error = #expect(throws: WADOError.self) {
            try request(.wadoRS) { $0.area = .fractions(0, 0, 0.5, 1) }
        }
        #expect(error?.status == 501)
        #expect(error?.message.contains("\"region\"") == true)
    }

    // MARK: Content-Location

    @Test(arguments: [
        ("http://a/x/studies/1.2/series/1.3/instances/1.4/rendered", true),
        ("https://other/studies/1.2/series/1.3/instances/1.4", true),
        ("/studies/1.2/series/1.3/instances/1.4/rendered?viewport=5,5#part", true),
        ("../../1.3/instances/1.4/rendered", true), ("instances/1.4", true), ("instances/1%2E4/", true),
        ("/wado?requestType=WADO&objectUID=1.4&presentationUID=9", true),
        ("/wado?studyUID=1.2&seriesUID=1.3&objectUID=1.4", true),
        ("/wado?studyUID=1.9&seriesUID=1.3&objectUID=1.4", false), ("/wado?objectUID=1.4&frameNumber=1", false),
        ("/wado?objectUID=9&presentationUID=1.4", false), ("/wado?seriesUID=1.4", false),
        ("/studies/1.2/series/1.3/instances/1.4/frames/1/rendered", false),
        ("/studies/1.9/series/1.3/instances/1.4", false), ("/studies/1.2/series/1.9/instances/1.4", false),
        ("/studies/1.2/series/8/instances/9/rendered", false), ("/instances/1.40", false), ("/instances/", false),
        ("1.4", false), ("instances", false), ("", false), ("/instances/1.4/%zz", false),
    ])
    func namesOneInstance(location: String, expected: Bool) {
        #expect(ContentLocation.shows(location, image) == expected)
    }

    @Test(arguments: [
        ("http://a/dicom-web/studies/1.2/series/1.3/instances/1.4/frames/2", false),
        ("/studies/1.2/series/1.3/instances/1.4/frames/2", false), ("", false), ("picture.jpg", false),
        ("http://a/dicom-web/studies/1.2/series/1.3/instances/1.4/frames/3", true),
        ("http://a/dicom-web/studies/9.9/series/1.3/instances/1.4/frames/2", true),
        ("/instances/1.5", true), ("http://a/wado?requestType=WADO&objectUID=1.5", true),
    ])
    func aLocationMayContradictTheFrameThatWasAskedFor(location: String, expected: Bool) {
        let target = InstanceTarget(study: UID("1.2")!, series: UID("1.3")!, instance: UID("1.4")!)
        #expect(ContentLocation.contradicts(location, target, frame: 2) == expected)
    }
}
