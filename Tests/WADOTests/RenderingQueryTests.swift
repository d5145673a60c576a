import Testing
import WADO

@Suite struct RenderingQueryTests {
    private static let rendered = "/dicom-web/studies/1/series/2/instances/3/rendered?"
    private static let thumbnail = "/dicom-web/studies/1/thumbnail?"

    private func parameters(_ query: String) throws -> RenderingParameters {
        try #require(try ask(Self.rendered + query)).rendering
    }

    @Test(
        arguments: [
            ("viewport=512,256", nil),
            ("viewport=512%2C256", nil),
            ("viewport=512,256,1,2,3,4", .pixels(x: 1, y: 2, width: 3, height: 4)),
            ("viewport=512,256,0.5,2,-3.5,-4", .pixels(x: 0.5, y: 2, width: -3.5, height: -4)),
            ("viewport=512,256,,,512,512", .pixels(x: nil, y: nil, width: 512, height: 512)),
            ("viewport=512,256,10", .pixels(x: 10, y: nil, width: nil, height: nil)),
            ("viewport=512,256,,,,-8", .pixels(x: nil, y: nil, width: nil, height: -8)),
            ("viewport=512,256,,,,", nil),
        ] as [(String, RenderingParameters.Area?)])
    func readsViewports(query: String, area: RenderingParameters.Area?) throws {
        let parameters = try parameters(query)
        #expect(parameters.columns == 512)
        #expect(parameters.rows == 256)
        #expect(parameters.area == area)
    }

    @Test(
        arguments: [
            ("window=40,400,linear", "40", "400", .linear), ("window=-0.5,1e,linear", nil, nil, nil),
            ("window=+40.50,.5,linear-exact", "+40.50", ".5", .linearExact), ("window=0,1,sigmoid", "0", "1", .sigmoid),
        ] as [(String, String?, String?, RenderingParameters.Window.Function?)])
    func readsWindows(
        query: String, center: String?, width: String?, function: RenderingParameters.Window.Function?
    ) throws {
        guard let center, let width, let function else {
            #expect(refusal(Self.rendered + query)?.status == 400)
            return
        }
        #expect(
            try parameters(query).window
                == RenderingParameters.Window(center: center, width: width, function: function))
    }

    @Test func readsTheOthers() throws {
        let parameters = try parameters("quality=100&annotation=technique,patient,patient&iccprofile=srgb&unknown=%&x")
        #expect(parameters.quality == 100)
        #expect(parameters.annotation == ["patient", "technique"])
        #expect(parameters.iccProfile == "srgb")
    }

    @Test func unknownAnnotationsAreIgnoredWithAWarning() throws {
        let request = try #require(try ask(Self.rendered + "annotation=patient,%22%3Cx%3E"))
        #expect(request.rendering.annotation == ["patient"])
        #expect(request.warnings == ["299 wadogate \"The annotation value '??x?' is not supported and was ignored\""])
    }

    @Test(arguments: [
        ("viewport=", "viewport"), ("viewport=512", "viewport"), ("viewport=,512", "viewport"),
        ("viewport=0,512", "viewport"),
        ("viewport=512,-1", "viewport"), ("viewport=1.5,2", "viewport"), ("viewport=70000,1", "viewport"),
        ("viewport=1,2,3,4,5,6,7", "viewport"), ("viewport=1,2,a", "viewport"), ("viewport=1,2,-3", "viewport"),
        ("viewport=1,2,,,0", "viewport"), ("viewport=1,2,1e3", "viewport"), ("viewport=1,2,99999999", "viewport"),
        ("viewport=1,2&viewport=1,2", "viewport"), ("viewport=%zz", "viewport"), ("viewport=1,+2", "viewport"),
        ("window=40,400", "window"), ("window=40,400,LINEAR", "window"), ("window=a,400,linear", "window"),
        ("window=40,0,linear", "window"), ("window=40,-1,linear", "window"), ("window=40,,linear", "window"),
        ("window=40,400,linear,", "window"), ("window=nan,400,linear", "window"), ("window=inf,1,linear", "window"),
        ("window=1,99999999999,linear", "window"), ("window=0x1,1,linear", "window"),
        ("quality=0", "quality"), ("quality=101", "quality"), ("quality=1000", "quality"), ("quality=9.5", "quality"),
        ("quality=", "quality"), ("quality=+9", "quality"), ("quality", "quality"),
        ("annotation=", "annotation"), ("annotation=,patient", "annotation"),
        ("iccprofile=", "iccprofile"), ("iccprofile=sRGB", "iccprofile"), ("iccprofile=yes&accept=image/gif", nil),
        ("charset=", "charset"), ("charset=a%20b/c", "charset"),
    ])
    func refusesNamingTheParameter(query: String, name: String?) throws {
        guard let name else { return }
        let error = try #require(refusal(Self.rendered + query), "\(query)")
        #expect(error.status == 400)
        #expect(error.message.contains("\"\(name)\""))
    }

    @Test func aColourProfileNeedsATypeThatHoldsOne() {
        #expect(refusal(Self.rendered + "iccprofile=srgb", accept: ["image/gif"])?.status == 400)
        #expect(refusal(Self.rendered + "iccprofile=no", accept: ["image/gif"]) == nil)
        #expect(refusal(Self.rendered + "iccprofile=srgb", accept: ["image/gif, image/png"]) == nil)
    }

    @Test(arguments: [
        "viewport=1,2,3", "window=1,2,linear", "quality=5", "annotation=patient", "iccprofile=no", "viewport=0,1",
    ])
    func thumbnailsTakeASizeOnly(query: String) {
        #expect(refusal(Self.thumbnail + query)?.status == 400)
    }

    @Test func thumbnailsOfWeasis() throws {
        let request = try #require(try ask(Self.thumbnail + "viewport=256%2C256", accept: ["image/jpeg"]))
        #expect(request.rendering.columns == 256)
        #expect(request.rendering.rows == 256)
        #expect(request.rendering.area == nil)
    }

    @Test func otherResourcesIgnoreRenderingParameters() throws {
        let request = try #require(try ask("/dicom-web/studies/1/metadata?viewport=x&quality=0&charset=utf-8"))
        #expect(request.rendering.isDefault)
        #expect(refusal("/dicom-web/studies/1/metadata?charset=ISO-8859-1")?.status == 406)
    }

    @Test func boundsTheNumberOfItems() {
        let query = Array(repeating: "a=b", count: 129).joined(separator: "&")
        #expect(refusal(Self.rendered + query)?.status == 400)
    }
}
