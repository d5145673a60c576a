import CachePolicy
import DICOM
import Testing
import WADO

@Suite struct RenderingTranslationTests {
    private func rs(_ query: String) throws -> RenderingParameters {
        try #require(try ask("/dicom-web/studies/1/series/2/instances/3/rendered?" + query)).rendering
    }

    private func uri(_ query: String) throws -> RenderingParameters {
        try #require(try ask("/wado?requestType=WADO&objectUID=3&contentType=image/jpeg&" + query)).rendering
    }

    // MARK: One spelling

    @Test(arguments: [
        ("", ""),
        ("viewport=512,256", "columns=512;rows=256"),
        ("viewport=512,256,0,0", "columns=512;rows=256"),
        ("viewport=512,256,,,,", "columns=512;rows=256"),
        ("viewport=512,256,10.50,,20,-30", "area=10.5,0,20,-30;columns=512;rows=256"),
        ("viewport=512,256,010.5,0,+20.0,-30.000", "area=10.5,0,20,-30;columns=512;rows=256"),
        ("window=+040.50,400.0,linear", "window=40.5,400,linear"),
        ("window=-0,.50,sigmoid", "window=0,0.5,sigmoid"),
        ("annotation=technique,patient", "annotation=patient,technique"),
        ("quality=090&iccprofile=srgb", "iccprofile=srgb;quality=90"),
    ])
    func equalPicturesHaveOneSpelling(query: String, expected: String) throws {
        let parameters = try rs(query)
        #expect(parameters.normalForm == expected)
        #expect(parameters.isDefault == query.isEmpty)
    }

    @Test(arguments: [
        ("region=0,0,1,1", ""),
        ("region=0.0,0,1.00,1&rows=512&columns=512", "columns=512;rows=512"),
        ("region=.25,0.5000,0.75,1", "region=0.25,0.5,0.75,1"),
        ("windowCenter=40&windowWidth=400", "window=40,400,linear"),
        ("presentationSeriesUID=8&presentationUID=9", "presentation=8,9"),
    ])
    func bothDoorsShareTheSpelling(query: String, expected: String) throws {
        #expect(try uri(query).normalForm == expected)
    }

    @Test(arguments: [
        ("image/png", "viewport=5,5&quality=70&window=1,2,linear", "columns=5;rows=5;window=1,2,linear"),
        ("image/jpeg", "quality=70&charset=utf-8", "quality=70"),
        ("image/jp2", "quality=70", "quality=70"),
        ("text/html", "viewport=5,5&quality=70&charset=ISO-8859-1,utf8;q=0.5", "charset=iso-8859-1,utf-8"),
    ])
    func aPictureIsKnownByWhatChangesIt(type: String, query: String, expected: String) throws {
        let path = "/dicom-web/studies/1/series/2/instances/3/rendered?"
        let request = try #require(try ask(path + query, accept: [type]))
        #expect(request.objects == [[.rendered(frame: nil, parameters: expected, type: type)]])
    }

    @Test(arguments: [
        ("*/*", "image/jpeg"), ("image/*", "image/jpeg"), ("text/*", "text/html"), ("video/*", "video/mp4"),
        ("image/gif", "image/gif"),
    ])
    func aRangeOfTypesMeansItsDefault(range: String, type: String) throws {
        let request = try #require(try ask("/dicom-web/studies/1/series/2/instances/3/rendered", accept: [range]))
        #expect(request.objects == [[.rendered(frame: nil, parameters: "", type: type)]])
    }

    @Test(arguments: [
        ("", false), ("rows=5&columns=6", false), ("rows=5", true), ("columns=5", true), ("region=0,0,0.5,1", true),
        ("region=0,0,1,1", false),
    ])
    func saysWhenDimensionsAreNeeded(query: String, expected: Bool) throws {
        #expect(try uri(query).needsDimensions == expected)
    }

    @Test(arguments: [("5,5", false), ("5,5,0,0", false), ("5,5,1", true), ("5,5,1,1,2,2", true), ("5,5,,,,-8", true)])
    func everyPartOfTheImageNeedsItsSize(viewport: String, expected: Bool) throws {
        #expect(try rs("viewport=" + viewport).needsDimensions == expected)
    }

    // MARK: To WADO-RS

    @Test(arguments: [
        ("", ""),
        ("columns=200&rows=100", "viewport=200,100"),
        ("columns=200", "viewport=200,150"),
        ("rows=100", "viewport=134,100"),
        ("region=0,0,1,1", ""),
        ("region=0.25,0.5,0.75,1", "viewport=320,240,160,240,320,240"),
        ("region=0.25,0.5,0.75,1&columns=100", "viewport=100,75,160,240,320,240"),
        ("region=0.25,0.5,0.75,1&columns=100&rows=50", "viewport=100,50,160,240,320,240"),
        ("region=0.001,0,0.002,0.0001", "viewport=1,1,0,0,1,1"),
        ("windowCenter=-40.5&windowWidth=400", "window=-40.5,400,linear"),
        ("imageQuality=70&annotation=patient", "annotation=patient&quality=70"),
    ])
    func asksAWADORSArchive(query: String, expected: String) throws {
        #expect(try uri(query).wadoRSQuery(rows: 480, columns: 640).items == expected)
    }

    @Test(arguments: [
        ("viewport=512,256", "viewport=512,256"), ("viewport=512,256,0,0", "viewport=512,256"),
        ("window=40,400,linear-exact", "window=40.5,401,linear"),
        ("window=-0.5,0.25,linear-exact", "window=0,1.25,linear"),
        ("window=1,2,sigmoid&iccprofile=yes", "window=1,2,sigmoid&iccprofile=yes"),
    ])
    func passesItsOwnKindOnWithoutDimensions(query: String, expected: String) throws {
        #expect(try rs(query).wadoRSQuery(rows: nil, columns: nil).items == expected)
    }

    @Test(
        arguments: [
            ("viewport=5,5", [.viewport]), ("viewport=5,5,0,0", [.viewport]), ("viewport=5,5,1,1,9,9", [.region]),
            ("viewport=5,5,0,0,-9,9", [.region, .flip]), ("window=1,2,linear", [.window]),
            ("window=1,2,sigmoid", [.window, .sigmoid]), ("iccprofile=no", []), ("iccprofile=srgb", [.iccProfile]),
            ("annotation=patient&quality=5", [.annotation, .quality]),
        ] as [(String, Set<Ability>)])
    func saysWhatAWADORSArchiveMustBeAbleToDo(query: String, needs: Set<Ability>) throws {
        #expect(try rs(query).wadoRSQuery(rows: 480, columns: 640).needs == needs)
    }

    @Test(arguments: [
        ("512,256,10", "512,256,10,0,630,480"), ("512,256,,,,-8", "512,256,0,0,640,-8"),
        ("512,256,,20,30", "512,256,0,20,30,460"), ("5,5,1,2,3,4", "5,5,1,2,3,4"),
    ])
    func anAreaIsAskedForWithAllSixValues(viewport: String, expected: String) throws {
        let query = try rs("viewport=" + viewport).wadoRSQuery(rows: 480, columns: 640)
        #expect(query.items == "viewport=" + expected)
    }

    @Test func cannotAskAWADORSArchiveForEverything() throws {
        #expect(throws: WADOError.self) { try uri("rows=5").wadoRSQuery(rows: nil, columns: nil) }
        #expect(throws: WADOError.self) { try uri("region=0,0,.5,1").wadoRSQuery(rows: nil, columns: 3) }
        #expect { try rs("viewport=5,5,640").wadoRSQuery(rows: 480, columns: 640) } throws: {
            ($0 as? WADOError)?.status == 400
        }
        #expect { try rs("viewport=5,5,1,1,2,2").wadoRSQuery(rows: nil, columns: 640) } throws: {
            ($0 as? WADOError)?.status == 501
        }
        let error = #expect(throws: WADOError.self) {
            try uri("presentationSeriesUID=8&presentationUID=9").wadoRSQuery(rows: 5, columns: 5)
        }
        #expect(error?.status == 501)
        #expect(error?.message.contains("presentationUID") == true)
    }

    // MARK: To WADO-URI

    @Test(
        arguments: [
            ("", "", []),
            ("viewport=512,256", "columns=341&rows=256", [.viewport]),
            ("viewport=512,256,0,0,640,480", "columns=341&rows=256", [.viewport]),
            ("viewport=512,256,0,0,9999,9999", "columns=341&rows=256", [.viewport]),
            ("viewport=320,480", "columns=320&rows=240", [.viewport]),
            ("viewport=1,1", "columns=1&rows=1", [.viewport]),
            (
                "viewport=5,5,160,240,320,240", "columns=5&rows=4&region=0.25039062,0.50052083,0.75,1",
                [.viewport, .region]
            ),
            ("viewport=5,5,160", "columns=5&rows=5&region=0.25039062,0.00052083,1,1", [.viewport, .region]),
            ("window=40,400,linear", "windowCenter=40&windowWidth=400", [.window]),
            ("window=40,400,linear-exact", "windowCenter=40.5&windowWidth=401", [.window]),
            ("window=-0.5,0.25,linear-exact", "windowCenter=0&windowWidth=1.25", [.window]),
            ("quality=70", "imageQuality=70", [.quality]),
            ("annotation=technique&iccprofile=no", "annotation=technique", [.annotation]),
        ] as [(String, String, Set<Ability>)])
    func asksAWADOURIArchive(query: String, expected: String, needs: Set<Ability>) throws {
        let result = try rs(query).wadoURIQuery(rows: 480, columns: 640)
        #expect(result.items == expected)
        #expect(result.needs == needs)
    }

    @Test func passesRegionsAndPresentationsOn() throws {
        let result = try uri("region=.1,0.2,0.30,1&presentationSeriesUID=8&presentationUID=9").wadoURIQuery(
            rows: nil, columns: nil)
        #expect(result.items == "region=0.1,0.2,0.3,1&presentationSeriesUID=8&presentationUID=9")
        #expect(result.needs == [.region, .presentation])
    }

    @Test(arguments: [
        ("viewport=5,5,0,0,-640", 501, "viewport"), ("viewport=5,5,0,0,640,-1", 501, "viewport"),
        ("viewport=5,5,640", 400, "viewport"), ("viewport=5,5,0,480", 400, "viewport"),
        ("window=40,400,sigmoid", 501, "window"), ("iccprofile=srgb", 400, "iccprofile"),
    ])
    func cannotAskAWADOURIArchiveForEverything(query: String, status: Int, name: String) throws {
        let parameters = try rs(query)
        let error = #expect(throws: WADOError.self) { try parameters.wadoURIQuery(rows: 480, columns: 640) }
        #expect(error?.status == status)
        #expect(error?.message.contains("\"\(name)\"") == true)
    }

    @Test func needsDimensionsForPixels() throws {
        let error = #expect(throws: WADOError.self) { try rs("viewport=5,5,1").wadoURIQuery(rows: nil, columns: nil) }
        #expect(error?.status == 501)
    }

    /// What an archive makes of our region must be the pixels that were asked for: ⌊xmin·C⌋ and ⌈(xmax−xmin)·C⌉ in
    /// single precision.
    @Test func regionsNeverMissByAPixel() throws {
        for columns in stride(from: 1, through: 4100, by: 37) {
            for start in stride(from: 0, to: columns, by: max(1, columns / 9)) {
                for width in stride(from: 1, through: columns - start, by: max(1, columns / 7)) {
                    var parameters = RenderingParameters()
                    parameters.area = .pixels(x: Double(start), y: 0, width: Double(width), height: nil)
                    let query = try parameters.wadoURIQuery(rows: 10, columns: columns).items
                    guard !query.isEmpty else {
                        #expect(start == 0 && width == columns)
                        continue
                    }
                    let numbers = query.dropFirst("region=".count).split(separator: ",").compactMap { Float($0) }
                    let first = Int((numbers[0] * Float(columns)).rounded(.down))
                    let count = Int(((numbers[2] - numbers[0]) * Float(columns)).rounded(.up))
                    #expect(first == start && count == width, "\(start)+\(width) of \(columns): \(query)")
                    // And back.
                    var region = RenderingParameters()
                    let edges = query.dropFirst("region=".count).split(separator: ",").compactMap { Double($0) }
                    region.area = .fractions(edges[0], edges[1], edges[2], edges[3])
                    let viewport = try region.wadoRSQuery(rows: 10, columns: columns).items
                    #expect(viewport == "viewport=\(width),10,\(start),0,\(width),10")
                }
            }
        }
    }
}
