// The parameters of a WADO-URI request (PS3.18 chapter 9). Must not know WADO-RS paths.
private import DICOM
private import HTTP

/// A WADO-URI query, read and checked.
struct WADOURIQuery {
    let request: RetrieveRequest

    /// - Parameters:
    ///   - accept: values of the Accept field; looked at only when there is no contentType.
    ///   - acceptCharset: values of the Accept-Charset field.
    /// - Throws: 400 naming the parameter, 406 for types that can't be made.
    init(_ query: QueryItems, accept: [String], acceptCharset: [String]) throws(WADOError) {
        guard try query.word("requestType", of: ["WADO"]) != nil else {
            throw .parameter("requestType", nil, mustBe: "WADO")
        }
        let study = try query.uid("studyUID")
        let series = try query.uid("seriesUID")
        guard let instance = try query.uid("objectUID") else {
            throw .parameter("objectUID", nil, mustBe: "a SOP Instance UID")
        }
        let wantsAnonymized = try query.word("anonymize", of: ["yes"]) != nil
        let charsets = try query.charsets()
        let syntaxes = try query.transferSyntaxes()
        var warnings: [String] = []
        var rendering = try query.wadoURIRendering(warnings: &warnings)
        let frame = try query.number("frameNumber", in: 1...999_999_999)
        if frame != nil, rendering.presentation != nil {
            throw .parameters("The parameter \"frameNumber\" cannot be combined with \"presentationUID\".")
        }
        let representation = try Self.representation(query, accept: accept, syntaxes: syntaxes)
        var resource = RetrieveRequest.Resource.dataSets
        if case .rendered = representation {
            resource = .rendered(frames: frame.map { [$0] })
            // contentType has no parameters; the types of the Accept field count where it is missing.
            let types = try query.value("contentType") == nil ? accept : []
            rendering.charset = Negotiation(query: [], fields: types).charsets(query: charsets, fields: acceptCharset)
        } else {
            try query.checkThatNothingIsRendered()
        }
        request = RetrieveRequest(
            frontDoor: .wadoURI, study: study, series: series, instance: instance, resource: resource,
            representation: representation, rendering: resource == .dataSets ? RenderingParameters() : rendering,
            wantsAnonymized: wantsAnonymized, warnings: warnings)
    }

    /// contentType alone decides where it is given; else the Accept field, where `*/*` means a picture (§9.3).
    private static func representation(
        _ query: QueryItems, accept: [String], syntaxes: [String]
    ) throws(WADOError) -> Representation {
        let dataSet = Representation.dataSets(syntaxes: syntaxes, envelope: .single)
        guard let text = try query.value("contentType") else {
            for entry in Accept(accept).entries where entry.weight > 0 {
                if entry.range.type == "application/dicom" { return dataSet }
                let isPicture = Negotiation(query: [], fields: [entry.range.type]).rendered() != nil
                if isPicture, let found = Negotiation(query: [], fields: accept).rendered()?.asSingle { return found }
            }
            throw notAcceptable
        }
        let types = MediaType.list(parsing: text)
        guard !types.isEmpty else { throw .parameter("contentType", text, mustBe: "a list of media types") }
        guard types.allSatisfy({ $0[parameter: "transfer-syntax"] == nil && $0[parameter: "charset"] == nil }) else {
            throw .parameters(
                "The parameter \"contentType\" must not hold transfer-syntax or charset; use the parameters transferSyntax "
                    + "and charset.")
        }
        if types.contains(where: { $0.type == "application/dicom" }) {
            guard types.allSatisfy({ $0.type == "application/dicom" }) else {
                throw .parameters(
                    "The parameter \"contentType\" must be application/dicom or rendered types, not both.")
            }
            return dataSet
        }
        guard let found = Negotiation(query: [], fields: [text]).rendered()?.asSingle else { throw notAcceptable }
        return found
    }

    private static let notAcceptable = WADOError(
        status: 406,
        message:
            "None of the media types asked for can be sent. An object can be had as contentType=application/dicom, "
            + "image/jpeg, image/png or image/gif.")
}

extension Representation {
    /// WADO-URI answers are never multipart.
    fileprivate var asSingle: Representation? {
        guard case .rendered(let types, _) = self else { return nil }
        return .rendered(types: types, envelope: .single)
    }
}

// MARK: - Parameters

extension QueryItems {
    fileprivate func uid(_ name: String) throws(WADOError) -> UID? {
        guard let text = try value(name) else { return nil }
        guard let uid = UID(text) else { throw .parameter(name, text, mustBe: "a UID: 1 to 64 digits and dots") }
        return uid
    }

    /// "*" or UIDs, best first; Explicit VR Little Endian when absent (§8.7.3.6, §9.4.1.2.4).
    ///
    /// As with WADO-RS, an object that can't be had in the default syntax is sent as it is stored.
    fileprivate func transferSyntaxes() throws(WADOError) -> [String] {
        guard let text = try value("transferSyntax") else { return ["1.2.840.10008.1.2.1", "*"] }
        var syntaxes: [String] = []
        for syntax in text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
            guard syntax == "*" || UID(syntax) != nil, syntaxes.count < 16 else {
                throw .parameter("transferSyntax", text, mustBe: "transfer syntax UIDs, separated by commas, or *")
            }
            if !syntaxes.contains(syntax) { syntaxes.append(syntax) }
        }
        return syntaxes
    }

    /// A DICOM object can't be cropped, scaled or windowed: what asks for that must not be ignored. `imageQuality` and
    /// `annotation` may stand there; viewers send them always.
    fileprivate func checkThatNothingIsRendered() throws(WADOError) {
        let names = [
            "windowCenter", "windowWidth", "region", "rows", "columns", "frameNumber", "presentationUID",
            "presentationSeriesUID",
        ]
        for name in names where try value(name) != nil {
            throw .parameters("The parameter \"\(name)\" cannot be combined with contentType=application/dicom.")
        }
    }

    fileprivate func wadoURIRendering(warnings: inout [String]) throws(WADOError) -> RenderingParameters {
        var result = RenderingParameters()
        // The standard has both names for one parameter.
        let annotations = try annotation("annotation", warnings: &warnings)
        let imageAnnotations = try annotation("imageAnnotation", warnings: &warnings)
        result.annotation = Array(Set(annotations + imageAnnotations)).sorted()
        result.quality = try number("imageQuality", in: 1...100)
        result.rows = try number("rows", in: 1...QueryItems.edgeLimit)
        result.columns = try number("columns", in: 1...QueryItems.edgeLimit)
        result.area = try region()
        result.window = try wadoURIWindow()
        result.presentation = try presentation()
        if result.window != nil, result.presentation != nil {
            throw .parameters("The parameter \"windowCenter\" cannot be combined with \"presentationUID\".")
        }
        return result
    }

    private func region() throws(WADOError) -> RenderingParameters.Area? {
        guard let text = try value("region") else { return nil }
        let numbers = text.split(separator: ",", omittingEmptySubsequences: false).compactMap { Decimal($0)?.value }
        guard numbers.count == 4, text.utf8.count(where: { $0 == UInt8(ascii: ",") }) == 3,
            0 <= numbers[0], numbers[0] < numbers[2], numbers[2] <= 1,
            0 <= numbers[1], numbers[1] < numbers[3], numbers[3] <= 1
        else {
            throw .parameter("region", text, mustBe: "xmin,ymin,xmax,ymax: decimals with 0 <= min < max <= 1")
        }
        return .fractions(numbers[0], numbers[1], numbers[2], numbers[3])
    }

    private func wadoURIWindow() throws(WADOError) -> RenderingParameters.Window? {
        let center = try value("windowCenter")
        let width = try value("windowWidth")
        guard center != nil || width != nil else { return nil }
        guard let center, let width else {
            throw .parameter(center == nil ? "windowCenter" : "windowWidth", nil, mustBe: "given beside the other one")
        }
        guard Self.isWindow(center: center, width: "1") else {
            throw .parameter("windowCenter", center, mustBe: "a decimal number")
        }
        guard Self.isWindow(center: "0", width: width) else {
            throw .parameter("windowWidth", width, mustBe: "a positive decimal number")
        }
        return RenderingParameters.Window(center: center, width: width, function: .linear)
    }

    private func presentation() throws(WADOError) -> RenderingParameters.Presentation? {
        let series = try uid("presentationSeriesUID")
        let instance = try uid("presentationUID")
        guard series != nil || instance != nil else { return nil }
        guard let series, let instance else {
            throw .parameter(
                series == nil ? "presentationSeriesUID" : "presentationUID", nil, mustBe: "given beside the other one")
        }
        return RenderingParameters.Presentation(series: series, instance: instance)
    }
}
