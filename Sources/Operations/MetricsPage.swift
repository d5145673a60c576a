// The page that a scraper gets, and the table of what can stand on it.
import CachePolicy
import DiskCache
import Synchronization

/// A page of metrics, with its media type.
package struct MetricsPage: Sendable, Equatable {
    package let type: String
    package let text: String

    package init(type: String, text: String) {
        self.type = type
        self.text = text
    }
}

extension Metrics {
    /// Everything that is counted, in the format that the scraper takes. Any thread; holds no lock.
    package func page(of observation: MetricsObservation, accept: String) -> MetricsPage {
        let format = MetricsText.Format(accept: accept)
        var observation = observation
        observation.epochsRaised = epochs.withLock { $0 }
        observation.cache.byClass = folded(observation.cache.byClass, into: Self.classes + ["foreign"])
        observation.cache.byBackend = folded(observation.cache.byBackend, into: backends)
        var page = MetricsText(format)
        for block in blocks {
            page.open(block.family)
            for (labels, cells) in series(of: block) {
                if !block.family.showsZeros, cells.dropLast(cells.count > 1 ? 1 : 0).allSatisfy({ $0 == 0 }) {
                    continue
                }
                if block.family.kind == .histogram {
                    page.histogram(block.family, labels, cells)
                } else {
                    page.sample(block.family, labels, "\(cells[0])")
                }
            }
        }
        for metric in ObservedMetric.all {
            page.open(metric.family)
            for (labels, reading) in metric.read(observation) {
                switch reading {
                case .number(let value): page.sample(metric.family, labels, MetricsText.number(value))
                case .histogram(let cells): page.histogram(metric.family, labels, cells)
                }
            }
        }
        page.close()
        return MetricsPage(type: format.contentType, text: page.text)
    }

    /// What stands under other words is added up under none: files may tell of backends that are no longer configured.
    private func folded(_ amounts: [String: StoredAmount], into words: [String]) -> [String: StoredAmount] {
        amounts.reduce(into: [:]) {
            $0[words.contains($1.key) ? $1.key : Self.none, default: StoredAmount()] += $1.value
        }
    }

    /// The table of the reference, from the families' own words.
    package static func reference() -> String {
        let families =
            Metrics(backends: [], loops: 1).blocks.map(\.family) + ObservedMetric.all.map(\.family)
        var text = "| metric | type | labels | what it says |\n|---|---|---|---|\n"
        for family in families {
            let labels = family.labels.map { "`\($0.name)`" }.joined(separator: ", ")
            text += "| `\(family.name)` | \(family.kind.rawValue) | \(labels) | \(family.help) |\n"
        }
        text += "\n| label | what it says |\n|---|---|\n"
        for label in MetricsLabel.all { text += "| `\(label.name)` | \(label.meaning) |\n" }
        return text
    }
}
