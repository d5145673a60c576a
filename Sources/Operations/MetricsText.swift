// The page as text: Prometheus' exposition format 0.0.4, and OpenMetrics 1.0 for those that ask for it.
// https://prometheus.io/docs/instrumenting/exposition_formats/

/// Writes families and samples, one after the other.
struct MetricsText {
    enum Format: Sendable {
        case prometheus
        case openMetrics

        /// OpenMetrics only for a scraper that names it: every other one reads the older format.
        init(accept: String) {
            self = accept.lowercased().contains("application/openmetrics-text") ? .openMetrics : .prometheus
        }

        var contentType: String {
            switch self {
            case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }

    private let format: Format
    private(set) var text = ""

    init(_ format: Format) {
        self.format = format
        text.reserveCapacity(32 << 10)
    }

    /// The family's head; its samples follow.
    mutating func open(_ family: MetricsFamily) {
        // OpenMetrics names a counter's family without the suffix of its sample.
        var name = family.name
        if format == .openMetrics, family.kind == .counter, name.hasSuffix("_total") { name.removeLast(6) }
        text += "# HELP \(name) \(Self.escaped(family.help, quotes: format == .openMetrics))\n"
        text += "# TYPE \(name) \(family.kind.rawValue)\n"
    }

    mutating func sample(_ family: MetricsFamily, _ labels: [String], _ value: String) {
        line(family.name, family, labels, value)
    }

    /// One series of a histogram.
    ///
    /// - Parameter cells: the buckets' own counts, that of the values above all bounds, and the sum.
    mutating func histogram(_ family: MetricsFamily, _ labels: [String], _ cells: [Int64]) {
        guard let buckets = family.buckets, cells.count == buckets.bounds.count + 2 else { return }
        var count: Int64 = 0
        for (bound, cell) in zip(buckets.bounds, cells) {
            count += cell
            line("\(family.name)_bucket", family, labels, "\(count)", bound: Self.number(Double(bound) / buckets.scale))
        }
        // The count is what the buckets come to, so that the page agrees with itself while others count on.
        count += cells[cells.count - 2]
        line("\(family.name)_bucket", family, labels, "\(count)", bound: "+Inf")
        line("\(family.name)_sum", family, labels, Self.number(Double(cells[cells.count - 1]) / buckets.scale))
        line("\(family.name)_count", family, labels, "\(count)")
    }

    mutating func close() {
        if format == .openMetrics { text += "# EOF\n" }
    }

    private mutating func line(
        _ name: String, _ family: MetricsFamily, _ labels: [String], _ value: String, bound: String? = nil
    ) {
        text += name
        var separator = "{"
        for (label, value) in zip(family.labels, labels) {
            text += "\(separator)\(label.name)=\"\(Self.escaped(value, quotes: true))\""
            separator = ","
        }
        if let bound {
            text += "\(separator)le=\"\(bound)\""
            separator = ","
        }
        if separator == "," { text += "}" }
        text += " \(value)\n"
    }

    /// Whole numbers without a point.
    static func number(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 9e15 { return "\(Int64(value))" }
        return "\(value)"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
