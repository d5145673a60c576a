import DICOM
import Testing
import WADO

@Suite struct WADOURIQueryTests {
    private static let uids = "/wado?requestType=WADO&studyUID=1&seriesUID=2&objectUID=3"
    private static let dicom = uids + "&contentType=application/dicom"

    @Test(arguments: [
        // OHIF, Weasis (encoded slash), and what no contentType means.
        ("&contentType=application/dicom&transferSyntax=*", [], "data * single"),
        ("&contentType=application%2Fdicom", [], "data ~1,* single"),
        (
            "&contentType=application%2Fdicom&transferSyntax=1.2.840.10008.1.2.4.70&imageQuality=70", [],
            "data ~4.70 single"
        ),
        ("&contentType=application/dicom", ["image/jpeg"], "data ~1,* single"),
        (
            "&contentType=application/dicom&transferSyntax=1.2.840.10008.1.2.4.90,1.2.840.10008.1.2.1%2C*", [],
            "data ~4.90,~1,* single"
        ),
        ("", ["application/dicom"], "data ~1,* single"),
        ("", ["application/dicom;q=0.1, image/png"], "rendered image/png single"),
        ("", [], "rendered */* single"),
        ("", ["*/*"], "rendered */* single"),
        ("", ["image/avif,image/*,*/*;q=0.8"], "rendered image/*,*/* single"),
        ("&contentType=image/jpeg", [], "rendered image/jpeg single"),
        ("&contentType=image/jpeg", ["application/dicom"], "rendered image/jpeg single"),
        ("&contentType=image/png,image/jpeg;q=0.5", [], "rendered image/png,image/jpeg single"),
        ("&contentType=image/webp,image/png", [], "rendered image/png single"),
        ("&contentType=text/html", [], "rendered text/html single"),
    ])
    func picksARepresentation(query: String, accept: [String], expected: String) throws {
        let request = try #require(try ask(Self.uids + query, accept: accept))
        #expect(request.frontDoor == .wadoURI)
        #expect(request.study?.string == "1")
        #expect(request.series?.string == "2")
        #expect(request.instance?.string == "3")
        #expect(request.representation.words == expected)
        #expect(!request.wantsAnonymized)
    }

    @Test func readsEveryRenderingParameter() throws {
        let request = try #require(
            try ask(
                Self.uids
                    + "&contentType=image/jpeg&annotation=patient&imageAnnotation=technique&frameNumber=7&rows=300"
                    + "&columns=200&region=0,0.25,.5,1&windowCenter=-40.5&windowWidth=400&imageQuality=90&x=y"))
        #expect(request.resource == .rendered(frames: [7]))
        var expected = RenderingParameters()
        expected.annotation = ["patient", "technique"]
        expected.rows = 300
        expected.columns = 200
        expected.area = .fractions(0, 0.25, 0.5, 1)
        expected.window = RenderingParameters.Window(center: "-40.5", width: "400", function: .linear)
        expected.quality = 90
        #expect(request.rendering == expected)
    }

    @Test func readsPresentationStates() throws {
        let request = try #require(try ask(Self.uids + "&presentationSeriesUID=8&presentationUID=9&region=0,0,0.5,1"))
        #expect(request.rendering.presentation?.series.string == "8")
        #expect(request.rendering.presentation?.instance.string == "9")
        #expect(request.resource == .rendered(frames: nil))
    }

    @Test func sloppyCallersNameTheInstanceAlone() throws {
        let request = try #require(try ask("/wado?objectUID=3&contentType=application/dicom&requestType=WADO"))
        #expect(request.study == nil)
        #expect(request.series == nil)
        #expect(request.instance?.string == "3")
    }

    @Test func anonymizingIsNeverForgotten() throws {
        #expect(try ask(Self.dicom + "&anonymize=yes")?.wantsAnonymized == true)
        #expect(try ask(Self.uids + "&contentType=image/jpeg&anonymize=yes")?.wantsAnonymized == true)
    }

    @Test(arguments: [
        ("/wado", "requestType"), ("/wado?objectUID=3", "requestType"),
        ("/wado?requestType=wado&objectUID=3", "requestType"),
        ("/wado?requestType=WADO&requestType=WADO&objectUID=3", "requestType"),
        ("/wado?requestType=WADO&studyUID=1&seriesUID=2", "objectUID"), (uids + "&objectUID=4", "objectUID"),
        ("/wado?requestType=WADO&objectUID=", "objectUID"),
        ("/wado?requestType=WADO&objectUID=3&studyUID=../1", "studyUID"),
        ("/wado?requestType=WADO&objectUID=3&seriesUID=1%2F2", "seriesUID"), (uids + "&contentType=", "contentType"),
        (uids + "&contentType=image/jpeg;transfer-syntax=1.2", "contentType"),
        (uids + "&contentType=text/html;charset=utf-8", "contentType"),
        (uids + "&contentType=application/dicom,image/jpeg", "contentType"), (dicom + "&anonymize=no", "anonymize"),
        (dicom + "&anonymize=", "anonymize"), (dicom + "&transferSyntax=jpeg", "transferSyntax"),
        (dicom + "&transferSyntax=1.2,,1.3", "transferSyntax"),
        (dicom + "&windowCenter=1&windowWidth=2", "windowCenter"),
        (dicom + "&frameNumber=1", "frameNumber"), (dicom + "&region=0,0,1,1", "region"), (dicom + "&rows=5", "rows"),
        (uids + "&frameNumber=0", "frameNumber"), (uids + "&frameNumber=-1", "frameNumber"),
        (uids + "&frameNumber=1,2", "frameNumber"),
        (uids + "&rows=0", "rows"), (uids + "&columns=1.5", "columns"), (uids + "&imageQuality=101", "imageQuality"),
        (uids + "&region=0,0,1", "region"), (uids + "&region=0,0,1,1,1", "region"),
        (uids + "&region=0.5,0,0.5,1", "region"),
        (uids + "&region=0,0,1.1,1", "region"), (uids + "&region=-0.1,0,1,1", "region"),
        (uids + "&region=0,0,a,1,1", "region"),
        (uids + "&windowCenter=1", "windowWidth"), (uids + "&windowWidth=1", "windowCenter"),
        (uids + "&windowCenter=x&windowWidth=1", "windowCenter"),
        (uids + "&windowCenter=1&windowWidth=0", "windowWidth"),
        (uids + "&presentationUID=9", "presentationSeriesUID"), (uids + "&presentationSeriesUID=9", "presentationUID"),
        (uids + "&presentationSeriesUID=8&presentationUID=9&windowCenter=1&windowWidth=2", "presentationUID"),
        (uids + "&presentationSeriesUID=8&presentationUID=9&frameNumber=2", "frameNumber"),
        (uids + "&annotation=", "annotation"), (uids + "&imageAnnotation=", "imageAnnotation"),
        (uids + "&charset=%00", "charset"),
    ])
    func refusesNamingTheParameter(target: String, name: String) throws {
        let error = try #require(refusal(target), "\(target)")
        #expect(error.status == 400)
        #expect(error.message.contains("\"\(name)\""), "\(error.message)")
    }

    @Test(arguments: [
        ("&contentType=image/webp", []), ("&contentType=application/zip", []), ("", ["image/webp"]),
        ("&contentType=application/dicom%2Bjson", []), ("", ["multipart/related; type=\"application/dicom\""]),
    ])
    func nothingAcceptable(query: String, accept: [String]) {
        #expect(refusal(Self.uids + query, accept: accept)?.status == 406)
    }
}
