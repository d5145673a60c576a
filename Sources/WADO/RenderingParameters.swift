// Rendering parameters of both protocols in one value, and their one spelling. The two wire forms stand in
// RenderingParameters+WADORS.swift and RenderingParameters+WADOURI.swift.
package import DICOM

/// Rendering parameters of both protocols in one value (PS3.18 §8.3.5, §9.5).
package struct RenderingParameters: Sendable, Hashable {
    package struct Window: Sendable, Hashable {
        package enum Function: String, Sendable { case linear, sigmoid, linearExact = "linear-exact" }
        /// As written by the client, checked to be decimals; kept as text so that nothing is rounded.
        package var center: String
        package var width: String
        package var function: Function

        package init(center: String, width: String, function: Function) {
            self.center = center
            self.width = width
            self.function = function
        }
    }

    package enum Area: Sendable, Hashable {
        /// viewport's sx,sy,sw,sh in source pixels; nil = default. A negative width or height flips.
        case pixels(x: Double?, y: Double?, width: Double?, height: Double?)
        /// WADO-URI region: fractions: left, top, right, bottom.
        case fractions(Double, Double, Double, Double)
    }

    package struct Presentation: Sendable, Hashable {
        package var series: UID
        package var instance: UID

        package init(series: UID, instance: UID) {
            self.series = series
            self.instance = instance
        }
    }

    /// Of "patient" and "technique", in this order.
    package var annotation: [String] = []
    /// 1 to 100, 100 best.
    package var quality: Int?
    /// viewport vw / WADO-URI columns; vh / rows.
    package var columns: Int?
    package var rows: Int?
    package var area: Area?
    package var window: Window?
    package var iccProfile: String?
    /// presentationSeriesUID and presentationUID.
    package var presentation: Presentation?
    /// Of texts: lower-case names of character sets, best first, "*" for any; empty where nothing is asked.
    package var charset: [String] = []

    package init() {}

    /// Those that make a difference to a representation of this media type: a text has a character set and no size, and
    /// quality is a matter of lossy compression (PS3.18 §8.3.5.1.2, §8.8).
    package func relevant(to type: String) -> RenderingParameters {
        var result = self
        if type.hasPrefix("text/") {
            result = RenderingParameters()
            (result.charset, result.presentation) = (charset, presentation)
            return result
        }
        result.charset = []
        if ["image/png", "image/gif"].contains(type) { result.quality = nil }
        return result
    }

    /// No parameter at all.
    package var isDefault: Bool { self == RenderingParameters() }

    /// One spelling for equal pictures: the part of a cache key. Empty when default.
    package var normalForm: String {
        var items: [String] = []
        if !annotation.isEmpty { items.append("annotation=" + annotation.sorted().joined(separator: ",")) }
        if let area, let text = area.normalForm { items.append(text) }
        if !charset.isEmpty { items.append("charset=" + charset.joined(separator: ",")) }
        if let columns { items.append("columns=\(columns)") }
        if let iccProfile { items.append("iccprofile=\(iccProfile)") }
        if let presentation { items.append("presentation=\(presentation.series),\(presentation.instance)") }
        if let quality { items.append("quality=\(quality)") }
        if let rows { items.append("rows=\(rows)") }
        if let window {
            let numbers = [window.center, window.width].map { Decimal($0)?.text ?? $0 }
            items.append("window=\(numbers[0]),\(numbers[1]),\(window.function.rawValue)")
        }
        return items.joined(separator: ";")
    }

    /// Whether the WADO-RS query cannot be written without the image's Rows and Columns.
    package var needsDimensions: Bool {
        if area?.isWhole == false { return true }
        return (columns == nil) != (rows == nil)
    }
}

extension RenderingParameters.Window {
    /// The same window in a function that archives are known to apply: linear-exact is linear's line half a grey value on.
    ///
    /// Spec: PS3.3 §C.11.2.1.2.1 and C.11.2.1.3.2.
    var withoutLinearExact: Self {
        guard function == .linearExact, let center = Decimal(center), let width = Decimal(width) else { return self }
        return Self(
            center: Decimal(center.value + 0.5).text, width: Decimal(width.value + 1).text, function: .linear)
    }
}

extension RenderingParameters.Area {
    /// Whether this is the whole image, whatever its size.
    var isWhole: Bool {
        switch self {
        case .fractions(let left, let top, let right, let bottom): (left, top, right, bottom) == (0, 0, 1, 1)
        case .pixels(let x, let y, let width, let height): x ?? 0 == 0 && y ?? 0 == 0 && width == nil && height == nil
        }
    }

    /// Whether the picture is to be turned around an axis.
    var flips: Bool {
        guard case .pixels(_, _, let width, let height) = self else { return false }
        return width ?? 1 < 0 || height ?? 1 < 0
    }

    /// Nil for the whole image.
    fileprivate var normalForm: String? {
        guard !isWhole else { return nil }
        switch self {
        case .fractions(let left, let top, let right, let bottom):
            return "region=" + [left, top, right, bottom].map { Decimal($0).text }.joined(separator: ",")
        case .pixels(let x, let y, let width, let height):
            let values = [x ?? 0, y ?? 0, width, height].map { $0.map { Decimal($0).text } ?? "" }
            return "area=" + values.joined(separator: ",")
        }
    }
}
