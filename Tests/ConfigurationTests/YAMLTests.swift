import Configuration
import DiskCache
import HTTPServer
import Testing

/// What of YAML is read and what is refused.
@Suite struct YAMLTests {
    @Test(arguments: [
        ("listen: [", "wadogate.yaml:2:1: not YAML"),
        ("a: b: c", "wadogate.yaml:1:5: not YAML: mapping values are not allowed"),
        ("x: &a [1]\ny: *a", "wadogate.yaml:2:4: aliases (`*name`) are not read"),
        ("log: !!map {}", "wadogate.yaml:1:6: tags (`!name`) have no meaning"),
        ("log: {}\n---\nlog: {}", "wadogate.yaml:2:1: a second document begins here"),
        ("? [a]\n: b", "wadogate.yaml:1:3: a key must be a single word"),
        ("workers: 1\nlog: {}\nworkers: 2", "wadogate.yaml:3:1: `workers` stands here a second time, first at line 1"),
        ("x: \u{1}", "wadogate.yaml:1:4: not YAML"),
        ("- listen", "wadogate.yaml:1:1: the configuration must be a mapping with keys such as listen"),
        ("just text", "wadogate.yaml:1:1: the configuration must be a mapping"),
    ])
    func refuses(text: String, problem: String) {
        #expect(problems(text).contains { $0.hasPrefix(problem) }, "\(problems(text))")
    }

    @Test func refusesBytesThatAreNoUTF8() {
        #expect(throws: ConfigurationError.self) {
            try Configuration(Configuration.Sources(file: ("x", [0x6C, 0x3A, 0x20, 0xFF, 0xFE])))
        }
    }

    @Test func refusesMoreThanAMebibyte() {
        let text = String(repeating: "# padding\n", count: 110_000)
        #expect(problems(text) == ["wadogate.yaml: a configuration of more than 1MiB is not read"])
    }

    @Test func refusesDeepNesting() {
        let text = "log: " + String(repeating: "[", count: 100_000)
        #expect(problems(text).first?.contains("nested more than 16 levels deep") == true)
    }

    @Test(arguments: ["", "# nothing\n", "---\n", "~", "listen:\ncache: ~\nlog: null\n"])
    func readsNothingAsDefaults(text: String) throws {
        let settings = try configuration(text, set: ["directory=[{archive: {path: /srv/dicom}}]"])
        #expect(settings.listen.map(\.description) == ["127.0.0.1:8080"])
        #expect(settings.cache.path == "/var/cache/wadogate")
    }

    @Test func saysOneSyntaxErrorEvenForOverlays() {
        #expect(problems(least, set: ["backends=[{"]).first?.hasPrefix("--set backends: not YAML") == true)
    }
}
