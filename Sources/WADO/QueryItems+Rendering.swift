// Rendering parameters as WADO-RS clients write them (PS3.18 §8.3.5), and what both front doors share of them.

extension QueryItems {
    /// The largest edge of a picture that may be asked for, in pixels.
    static let edgeLimit = 65_535

    /// The parameters of a rendered resource.
    ///
    /// - Parameter warnings: gets a `Warning` value where a part of a parameter was ignored.
    func renderingParameters(warnings: inout [String]) throws(WADOError) -> RenderingParameters {
        var result = RenderingParameters()
        result.annotation = try annotation("annotation", warnings: &warnings)
        result.quality = try number("quality", in: 1...100)
        try readViewport(into: &result)
        result.window = try window()
        result.iccProfile = try word("iccprofile", of: ["no", "yes", "srgb", "adobergb", "rommrgb"])
        return result
    }

    /// The parameters of a thumbnail: its size alone; one that would change the picture must not be ignored silently.
    func thumbnailParameters() throws(WADOError) -> RenderingParameters {
        for name in ["annotation", "quality", "window", "iccprofile"] where try value(name) != nil {
            throw .parameters("The parameter \"\(name)\" does not apply to thumbnails; ask for the rendered resource.")
        }
        var result = RenderingParameters()
        try readViewport(into: &result)
        guard result.area == nil else {
            throw .parameter("viewport", try value("viewport"), mustBe: "width,height for a thumbnail")
        }
        return result
    }

    /// "patient", "technique" or both; unknown values are ignored with a warning (PS3.18 §8.3.5.1.1).
    func annotation(_ name: String, warnings: inout [String]) throws(WADOError) -> [String] {
        guard let text = try value(name) else { return [] }
        let known = ["patient", "technique"]
        let given = text.split(separator: ",", omittingEmptySubsequences: false)
        guard given.allSatisfy({ !$0.isEmpty }), !given.isEmpty, !text.isEmpty else {
            throw .parameter(name, text, mustBe: "patient, technique or patient,technique")
        }
        if let unknown = given.first(where: { !known.contains(String($0)) }) {
            let shown = WADOError.quoted(unknown).dropFirst().dropLast().filter { $0.isASCII }
            warnings.append("299 wadogate \"The \(name) value '\(shown)' is not supported and was ignored\"")
        }
        return known.filter { given.contains(Substring($0)) }
    }

    /// `vw,vh` or `vw,vh,[sx],[sy],[sw],[sh]`, where trailing empty values go with their commas.
    private func readViewport(into result: inout RenderingParameters) throws(WADOError) {
        guard let text = try value("viewport") else { return }
        let error = WADOError.parameter(
            "viewport", text,
            mustBe: "width,height[,sx,sy,sw,sh]: two positive integers, then decimals, of which inner ones may be empty"
        )
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard (2...6).contains(parts.count), let width = Self.edge(parts[0]), let height = Self.edge(parts[1]) else {
            throw error
        }
        var area: [Double?] = []
        for part in parts.dropFirst(2) {
            guard let number = part.isEmpty ? .some(nil) : Decimal(part).map({ Double?.some($0.value) }),
                number.map({ $0.magnitude <= 1_000_000 }) ?? true
            else { throw error }
            area.append(number)
        }
        area += [Double?](repeating: nil, count: 4 - area.count)
        guard area[0] ?? 0 >= 0, area[1] ?? 0 >= 0, area[2] != 0, area[3] != 0 else { throw error }
        result.columns = width
        result.rows = height
        if area.contains(where: { $0 != nil }) {
            result.area = .pixels(x: area[0], y: area[1], width: area[2], height: area[3])
        }
    }

    private static func edge(_ text: Substring) -> Int? {
        guard (1...6).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text).flatMap { (1...edgeLimit).contains($0) ? $0 : nil }
    }

    private func window() throws(WADOError) -> RenderingParameters.Window? {
        guard let text = try value("window") else { return nil }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count == 3, let function = RenderingParameters.Window.Function(rawValue: String(parts[2])),
            Self.isWindow(center: parts[0], width: parts[1])
        else {
            throw .parameter(
                "window", text,
                mustBe: "center,width,function: two decimals, the width positive, and linear, linear-exact or sigmoid")
        }
        return RenderingParameters.Window(center: String(parts[0]), width: String(parts[1]), function: function)
    }

    /// Whether both are decimals of a size that grey values have, and the width is positive.
    static func isWindow(center: some StringProtocol, width: some StringProtocol) -> Bool {
        guard let center = Decimal(center)?.value, let width = Decimal(width)?.value else { return false }
        return center.magnitude < 1e8 && width > 0 && width < 1e8
    }
}
