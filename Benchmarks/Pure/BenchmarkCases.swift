// One round of one benchmark in a process of its own, so that peak memory is its own too. `bench.py` says which, how
// often, and what the figures mean.

/// `Benchmarks CASE`: prints the case's figures as one JSON object. `Benchmarks` alone: the names of all cases.
@main
enum BenchmarkCases {
    /// What one round measured, by the figure's name.
    typealias Figures = [(name: String, value: Double)]

    private static var cases: [(name: String, run: () throws -> Figures)] {
        var cases: [(name: String, run: () throws -> Figures)] = [
            ("slice-json", SmallInstances.run), ("reencode-big-endian", Reencoding.run),
            ("frames-1-bit", BitFrames.run), ("count-request", CountingRequests.run),
        ]
        for trace in Eviction.Trace.allCases { cases.append(("eviction-\(trace.rawValue)", { Eviction.run(trace) })) }
        for document in MetadataDocument.allCases {
            cases.append(("rewrite-\(document)", { try RewritingMetadata.run(document) }))
        }
        for megabytes in [100, 1000] {
            for kind in LargeObject.Kind.allCases {
                cases.append(("parse-\(kind)-\(megabytes)", { try ReadingObjects.run(kind, megabytes: megabytes) }))
            }
        }
        return cases
    }

    static func main() throws {
        guard let name = CommandLine.arguments.dropFirst().first else {
            return print(cases.map(\.name).joined(separator: "\n"))
        }
        guard let found = cases.first(where: { $0.name == name }) else {
            return print("{\"error\": \"no benchmark \(name)\"}")
        }
        let figures = try found.run().map { "\"\($0.name)\": \($0.value)" }
        print("{\(figures.joined(separator: ", "))}")
    }
}
