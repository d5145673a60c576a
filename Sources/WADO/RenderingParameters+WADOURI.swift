// Rendering parameters as a WADO-URI archive reads them.

extension RenderingParameters {
    /// The query items for a WADO-URI backend, and which abilities the backend must have for them.
    ///
    /// Spec: PS3.18 §9.5.1.2.
    ///
    /// - Parameters:
    ///   - rows: Rows (0028,0010) of the image; needed for an area in pixels.
    ///   - columns: Columns (0028,0011).
    /// - Throws: 501 for a flip, a sigmoid window, and an area in pixels of an image of unknown size; 400 for an area
    ///   outside the image and for a colour profile.
    package func wadoURIQuery(
        rows: Int?, columns: Int?
    ) throws(WADOError) -> RenderingQuery {
        var items: [String] = []
        var needs: Set<Ability> = []
        if !annotation.isEmpty {
            items.append("annotation=" + annotation.joined(separator: ","))
            needs.insert(.annotation)
        }
        let image = ImageSize(columns: columns, rows: rows)
        let size = fitted(in: image)
        if let width = size.columns { items.append("columns=\(width)") }
        if let height = size.rows { items.append("rows=\(height)") }
        if self.columns != nil || self.rows != nil { needs.insert(.viewport) }
        if let region = try region(of: image) {
            items.append("region=" + region)
            needs.insert(.region)
        }
        if let window {
            items.append(try Self.items(for: window))
            needs.insert(.window)
        }
        if let quality {
            items.append("imageQuality=\(quality)")
            needs.insert(.quality)
        }
        if let presentation {
            items.append("presentationSeriesUID=\(presentation.series)&presentationUID=\(presentation.instance)")
            needs.insert(.presentation)
        }
        // Without a profile is what such an archive sends anyway.
        if let iccProfile, iccProfile != "no" {
            throw .parameters("The parameter \"iccprofile\" must be \"no\" for the archive of this image.")
        }
        return RenderingQuery(items: items.joined(separator: "&"), needs: needs)
    }

    /// The size of the picture that fits into the one that was asked for. Rows and columns are each a maximum, and the picture
    /// keeps its shape (PS3.18 §9.5.1.2.4); there are archives that stretch it to both (PixelMed), and an image out of shape
    /// is another picture.
    private func fitted(in image: ImageSize?) -> (columns: Int?, rows: Int?) {
        guard let columns, let rows, let image else { return (columns, rows) }
        var (width, height) = (Double(image.columns), Double(image.rows))
        switch area {
        case .fractions(let left, let top, let right, let bottom):
            (width, height) = (width * (right - left), height * (bottom - top))
        case .pixels(let x, let y, let w, let h):
            let (left, top) = (x ?? 0, y ?? 0)
            (width, height) = (min(width - left, (w ?? width).magnitude), min(height - top, (h ?? height).magnitude))
        case nil: break
        }
        guard width > 0, height > 0 else { return (columns, rows) }
        let scale = min(Double(columns) / width, Double(rows) / height)
        func edge(_ length: Double, _ most: Int) -> Int { min(max(Int(min(length * scale, 1e6).rounded()), 1), most) }
        return (edge(width, columns), edge(height, rows))
    }

    private func region(of image: ImageSize?) throws(WADOError) -> String? {
        switch area?.isWhole == true ? nil : area {
        case nil: return nil
        case .fractions(let left, let top, let right, let bottom):
            return [left, top, right, bottom].map { Decimal($0).text }.joined(separator: ",")
        case .pixels(let x, let y, let width, let height):
            guard width ?? 1 > 0, height ?? 1 > 0 else {
                throw WADOError(
                    status: 501,
                    message: "The parameter \"viewport\" asks for a flipped picture, which the archive of this image "
                        + "cannot make. Ask without the minus sign.")
            }
            guard let image else { throw Self.unknownSize("viewport") }
            return try Self.region(x: x ?? 0, y: y ?? 0, width: width, height: height, of: image)
        }
    }

    /// An archive computes the first pixel as ⌊xmin·C⌋ and the width as ⌈(xmax−xmin)·C⌉ in single precision. Exact
    /// quotients are then often wrong by a pixel; a quarter of a pixel to the right they never are.
    private static func region(
        x: Double, y: Double, width: Double?, height: Double?, of image: ImageSize
    ) throws(WADOError) -> String? {
        try image.check(x: x, y: y)
        let (columns, rows) = (Double(image.columns), Double(image.rows))
        let (left, top) = (x.rounded(.down), y.rounded(.down))
        let right = min(columns, x + max(1, width ?? columns - x))
        let bottom = min(rows, y + max(1, height ?? rows - y))
        guard left > 0 || top > 0 || right < columns || bottom < rows else { return nil }
        return [(left + 0.25) / columns, (top + 0.25) / rows, right / columns, bottom / rows]
            .map { Decimal($0).text }.joined(separator: ",")
    }

    /// WADO-URI knows the linear function alone.
    private static func items(for window: Window) throws(WADOError) -> String {
        let window = window.withoutLinearExact
        guard window.function == .linear else {
            throw WADOError(
                status: 501,
                message: "The parameter \"window\" asks for the sigmoid function, which the archive of this image "
                    + "cannot apply. Ask for linear.")
        }
        return "windowCenter=\(window.center)&windowWidth=\(window.width)"
    }
}
