// Rendering parameters as a WADO-RS archive reads them.
private import HTTP

extension RenderingParameters {
    /// The query for a WADO-RS rendered or thumbnail resource ("viewport=…&window=…"), and what the archive must be able to
    /// do for it: some take a part of these parameters without a word and without effect.
    ///
    /// A WADO-URI region becomes whole pixels, as archives count them that speak both: its left and top edges are
    /// rounded down, its width and height up. Whole numbers are also what every archive reads.
    ///
    /// Spec: PS3.18 §8.3.5.1.
    ///
    /// - Parameters:
    ///   - rows: Rows (0028,0010) of the image, where known; needed if ``needsDimensions``.
    ///   - columns: Columns (0028,0011).
    /// A presentation state is a resource of its own, which is asked instead of the image (``BackendRequest``).
    ///
    /// - Throws: 501 for a presentation state and for a size that depends on unknown dimensions; 400 for an area outside
    ///   the image.
    package func wadoRSQuery(rows: Int?, columns: Int?) throws(WADOError) -> RenderingQuery {
        guard presentation == nil else {
            throw WADOError(
                status: 501,
                message: "The parameter \"presentationUID\" cannot be sent to the archive of this image.")
        }
        var items: [String] = []
        var needs: Set<Ability> = []
        if !annotation.isEmpty {
            items.append("annotation=" + annotation.joined(separator: ","))
            needs.insert(.annotation)
        }
        if let quality {
            items.append("quality=\(quality)")
            needs.insert(.quality)
        }
        if let viewport = try viewport(of: ImageSize(columns: columns, rows: rows)) {
            items.append("viewport=" + viewport)
            needs.formUnion(
                area.map { $0.isWhole ? [.viewport] : $0.flips ? [.region, .flip] : [.region] } ?? [.viewport])
        }
        if let window {
            let window = window.withoutLinearExact
            items.append("window=\(window.center),\(window.width),\(window.function.rawValue)")
            needs.formUnion(window.function == .sigmoid ? [.window, .sigmoid] : [.window])
        }
        if let iccProfile {
            items.append("iccprofile=" + PercentCoding.encode(iccProfile, for: .queryItem))
            // Without a profile is what an archive sends that knows nothing of them.
            if iccProfile != "no" { needs.insert(.iccProfile) }
        }
        return RenderingQuery(items: items.joined(separator: "&"), needs: needs)
    }

    private func viewport(of image: ImageSize?) throws(WADOError) -> String? {
        switch area?.isWhole == true ? nil : area {
        case nil:
            guard columns != nil || rows != nil else { return nil }
            if let columns, let rows { return "\(columns),\(rows)" }
            guard let image else { throw Self.unknownSize("rows and columns") }
            return target(width: Double(image.columns), height: Double(image.rows))
        case .fractions(let left, let top, let right, let bottom):
            guard let image else { throw Self.unknownSize("region") }
            let horizontal = Self.pixels(from: left, to: right, of: image.columns)
            let vertical = Self.pixels(from: top, to: bottom, of: image.rows)
            let size = target(width: Double(horizontal.count), height: Double(vertical.count))
            return "\(size),\(horizontal.start),\(vertical.start),\(horizontal.count),\(vertical.count)"
        case .pixels(let x, let y, let width, let height):
            guard let image else { throw Self.unknownSize("viewport") }
            return try viewport(x: x ?? 0, y: y ?? 0, width: width, height: height, of: image)
        }
    }

    /// All six values: there are archives that read two or six and nothing between.
    private func viewport(
        x: Double, y: Double, width: Double?, height: Double?, of image: ImageSize
    ) throws(WADOError) -> String {
        try image.check(x: x, y: y)
        let width = width ?? Double(image.columns) - x
        let height = height ?? Double(image.rows) - y
        let size = target(width: width.magnitude, height: height.magnitude)
        return ([size] + [x, y, width, height].map { Decimal($0).text }).joined(separator: ",")
    }

    /// "vw,vh": as asked; where one is missing, so that the picture keeps its shape; where both are, the area's own size.
    private func target(width: Double, height: Double) -> String {
        func scaled(_ length: Int, _ numerator: Double, _ denominator: Double) -> Int {
            max(1, Int(min(Double(length) * numerator / max(denominator, 1), 1e6).rounded(.up)))
        }
        let vertical = rows ?? columns.map { scaled($0, height, width) } ?? scaled(1, height, 1)
        let horizontal = columns ?? rows.map { scaled($0, width, height) } ?? scaled(1, width, 1)
        return "\(horizontal),\(vertical)"
    }

    /// The pixels that a fraction of an edge covers; at least one.
    private static func pixels(from start: Double, to end: Double, of edge: Int) -> (start: Int, count: Int) {
        // What is a whole number up to the rounding of its decimals counts as that number.
        let tolerance = 1e-6 * Double(max(edge, 1))
        let first = min(max(Int((start * Double(edge) + tolerance).rounded(.down)), 0), max(edge - 1, 0))
        let count = Int(((end - start) * Double(edge) - tolerance).rounded(.up))
        return (first, min(max(count, 1), edge - first))
    }

    static func unknownSize(_ name: String) -> WADOError {
        WADOError(
            status: 501,
            message: "The parameter \"\(name)\" cannot be translated for the archive of this image, since the image's "
                + "Rows and Columns are not known.")
    }
}

/// Rows and Columns of an image; both at least 1.
struct ImageSize {
    let columns: Int
    let rows: Int

    init?(columns: Int?, rows: Int?) {
        let limit = 1_000_000
        guard let columns, let rows, (1...limit).contains(columns), (1...limit).contains(rows) else { return nil }
        self.columns = columns
        self.rows = rows
    }

    /// - Throws: 400 for an area that begins outside the image.
    func check(x: Double, y: Double) throws(WADOError) {
        guard x < Double(columns), y < Double(rows) else {
            throw .parameters(
                "The parameter \"viewport\" begins at \(Decimal(x).text),\(Decimal(y).text), outside the image of "
                    + "\(columns) by \(rows) pixels.")
        }
    }
}
