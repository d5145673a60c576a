import Configuration
import DiskCache
import Foundation
import Gateway
import HTTP
import HTTPServer
import Testing
import Upstream

/// Reading by the table: names, types, units, bounds, defaults, overlays.
@Suite struct SettingsTests {
    // MARK: Names

    @Test(arguments: [
        ("lisen: []", "wadogate.yaml:1:1: unknown key `lisen`; did you mean `listen`?"),
        ("cache:\n  max_sise: 1GiB", "wadogate.yaml:2:3: unknown key `max_sise` in `cache`; did you mean `max_size`?"),
        ("max_size: 1GiB", "wadogate.yaml:1:1: unknown key `max_size`; there is `cache.max_size`"),
        ("cahce: {}", "did you mean `cache`?"),
        ("backends: [{ nmae: a, match: 'http://a' }]", "unknown key `nmae` in `backends`; did you mean `name`?"),
        (
            "backends: [{ name: a, match: 'https://a', credentials: { basic: { user: u, password: x } } }]",
            "secrets do not stand in the configuration: write `password_file`"
        ),
        (
            "backends: [{ name: a, match: 'http://a', abilities: { thumb: no } }]",
            "unknown key `thumb` in `backends.abilities`; there are metadata, frames"
        ),
    ])
    func namesTheNearestKey(text: String, problem: String) {
        let found = problems(least + text).map {
            $0.replacing("yaml:2:", with: "yaml:1:").replacing("yaml:3:", with: "yaml:2:")
        }
        #expect(found.contains { $0.contains(problem) }, "\(found)")
    }

    @Test func tellsEveryProblemAtOnce() {
        let found = problems("lisen: []\nworkers: many\ncache:\n  max_size: 1\nbackends: {}\n")
        #expect(found.count == 5, "\(found)")
        #expect(found.last?.contains("no source is given") == true)
    }

    // MARK: Values

    @Test(arguments: [
        ("workers: many", "1:10: `workers`: expected a whole number, found \"many\""),
        ("workers: 0", "1:10: `workers`: 0 is out of bounds: from 1 to 1024"),
        ("workers: [1]", "1:10: `workers`: expected a number from 1 to 1024, found a list"),
        (
            "cache: yes",
            "1:8: `cache` must be a mapping with keys such as path, max_size, min_free, max_object, found \"yes\""
        ),
        ("cache: { max_size: 10 }", "`cache.max_size`: \"10\" needs a unit, such as 10MiB or 10B"),
        ("cache: { max_size: 10G }", "\"G\" is no unit of bytes; use B, KiB"),
        ("cache: { max_size: 1.5GiB }", "\"1.5GiB\" is not a whole number; use a smaller unit"),
        ("cache: { max_size: 1KiB }", "1KiB is out of bounds: from 1MiB to"),
        ("cache: { max_size: 99999999999999999999GiB }", "is too large a number"),
        ("cache: { max_size: 9999999999999TiB }", "is too large a number"),
        ("cache: { path: var/cache }", "\"var/cache\" is not an absolute path"),
        ("server: { idle_timeout: 30 }", "\"30\" needs a unit: 30ms, 30s, 30m, 30h or 30d"),
        ("server: { idle_timeout: 1w }", "\"w\" is no unit of time; use ms, s, m, h or d"),
        ("server: { idle_timeout: -1s }", "expected a whole number and a unit"),
        ("log: { format: jsn }", "expected one of json, text, found \"jsn\"; did you mean json?"),
        ("listen: 8080", "\"8080\" is not an address and port"),
        ("listen: ['::1:80']", "is not an address and port"),
        ("listen: ['127.0.0.1:65536']", "is not an address and port"),
        ("listen: [[]]", "expected an address and port such as 127.0.0.1:8080 or [::]:8080, found a list"),
        ("public_url: images.example.org", "is not an http or https URL"),
        ("public_url: 'http://u:p@images.example.org'", "is not an http or https URL"),
        ("backends: [{ name: a, match: 'http://a', credentials: { client: perhaps } }]", "expected yes or no"),
        ("backends: { name: a }", "`backends` must be a list (each entry begins with `- `), found a mapping"),
        ("backends: [{ name: a }]", "`backends[0]` needs `match`"),
        ("tls: { certificate: /c }", "`tls` needs `key`"),
    ])
    func refuses(text: String, problem: String) {
        let found = problems(text + "\n" + least)
        #expect(found.contains { $0.contains(problem) }, "\(found)")
    }

    @Test(arguments: [
        ("10GiB", Int64(10) << 30), ("512KB", 512_000), ("1048576B", 1 << 20), ("2 tib", 2 << 40),
        ("3TB", 3_000_000_000_000),
    ])
    func readsBytes(text: String, bytes: Int64) throws {
        #expect(try configuration(least + "cache: { min_free: \(text) }").cache.minFree == bytes)
    }

    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("30s", .seconds(30)), ("5m", .seconds(300)), ("12h", .seconds(43200)),
        ("1d", .seconds(86400)), ("\"90 s\"", .seconds(90)),
    ])
    func readsDurations(text: String, duration: Duration) throws {
        #expect(try configuration(least + "server: { idle_timeout: \(text) }").server.idleTimeout == duration)
    }

    @Test(arguments: [
        (Duration.zero, "0s"), (.milliseconds(1500), "1500ms"), (.seconds(120), "2m"), (.seconds(86400), "1d"),
    ])
    func writesDurations(duration: Duration, text: String) {
        #expect(DurationText.write(duration) == text)
    }

    @Test(arguments: [
        (Int64(0), "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (10 << 30, "10.0 GiB"), (Int64.max, "8388607 TiB"),
    ])
    func writesBytesForPeople(bytes: Int64, text: String) {
        #expect(ByteText.approximate(bytes) == text)
    }

    @Test(arguments: [
        (Int64(0), "0B"), (1000, "1KB"), (1001, "1001B"), (1024, "1KiB"), (10_000_000_000, "10GB"),
        (1536 << 20, "1536MiB"),
        (16384 << 40, "16384TiB"), (1_000_000 << 20, "1000000MiB"), (2_000_000_000_000, "2TB"),
    ])
    func writesBytesExactly(bytes: Int64, text: String) throws {
        #expect(ByteText.write(bytes) == text)
    }

    // MARK: Overlays

    @Test func theCommandLineCountsBeforeTheEnvironmentBeforeTheFile() throws {
        let settings = try configuration(
            least + "workers: 2\nloops: 2\ncache: { max_size: 9GiB }\n",
            set: [
                "workers=4", "backends=[{name: pacs, match: 'http://127.0.0.1:1/'}]", "backends[0].max_connections=3",
            ],
            environment: [
                "WADOGATE_WORKERS": "3", "WADOGATE_LOOPS": "3", "WADOGATE_LISTEN": "127.0.0.1:1, [::1]:2",
                "WADOGATE_SERVICE_HOST": "10.0.0.1", "PATH": "/bin",
            ])
        #expect(settings.workers == 4)
        #expect(settings.loops == 3)
        #expect(settings.cache.maxSize == 9 << 30)
        #expect(settings.listen.map(\.description) == ["127.0.0.1:1", "[::1]:2"])
        #expect(settings.backends.first?.maxConnections == 3)
    }

    @Test(arguments: [
        ("workers", "--set workers: write name=value"),
        ("workerz=3", "--set workerz: there is no setting \"workerz\"; did you mean workers?"),
        ("workers=x", "--set workers: `workers`: expected a whole number, found \"x\""),
        ("backends[7].name=x", "--set backends[7].name: there is no such entry"),
        ("backends[99999999999999999999].name=x", "there is no setting"),
        ("..=1", "is no setting's name"),
        ("cache.max_size=", "--set cache.max_size: a value is missing behind the ="),
        ("backends=", "--set backends: a value is missing behind the ="),
    ])
    func refusesAssignments(text: String, problem: String) {
        let found = problems(least, set: [text])
        #expect(found.contains { $0.contains(problem) }, "\(found)")
    }

    @Test func namesTheVariableThatIsWrong() {
        let found = problems(least, environment: ["WADOGATE_CACHE_MAX_SIZE": "1"])
        #expect(
            found == ["environment WADOGATE_CACHE_MAX_SIZE: `cache.max_size`: \"1\" needs a unit, such as 1MiB or 1B"])
    }

    @Test func warnsOfVariablesThatAreNoSettings() throws {
        let settings = try configuration(
            least,
            environment: [
                "WADOGATE_CACHE_MAXSIZE": "1GiB", "WADOGATE_XYZZY_PLUGH": "x", "WADOGATE_CONFIG": "/x.yaml",
                "WADOGATE_WORKERS": "2", "WADOGATE_SERVICE_HOST": "10.0.0.1", "WADOGATE_PORT_80_TCP": "x",
                "WADOGATE_PORT": "tcp://10.0.0.1:80", "HOME": "/",
            ])
        let words = "no setting has this variable, so that it counts for nothing"
        #expect(
            settings.warnings.map(\.description) == [
                "environment WADOGATE_CACHE_MAXSIZE: \(words); did you mean WADOGATE_CACHE_MAX_SIZE?",
                "environment WADOGATE_XYZZY_PLUGH: \(words)",
            ])
        #expect(try configuration(least, environment: ["WADOGATE_PORT": "8080"]).warnings.count == 1)
        #expect(try configuration(least, set: ["trusted_proxies="]).gateway.trustedProxies.isEmpty)
    }

    // MARK: The table

    @Test func noTwoSettingsShareAVariable() {
        let variables = SettingsTable.standard.rows.compactMap(\.environmentName)
        #expect(Set(variables).count == variables.count)
    }

    @Test func everyRowStandsBelowASection() {
        for row in SettingsTable.standard.rows where !row.parent.isEmpty {
            #expect(SettingsTable.standard[row.parent.replacing(/\[\]$/, with: "")] != nil, "\(row.name)")
        }
    }

    @Test func theReferenceIsWhatTheTablePrints() throws {
        let file = URL(filePath: #filePath).appending(path: "../../../Config/wadogate.yaml").standardized
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(text == SettingsReference.text(), "write it anew: wadogate help settings > Config/wadogate.yaml")
    }

    @Test func theReferenceMeansTheDefaults() throws {
        #expect(problems(SettingsReference.text()) == problems(""))
        let source = "directory=[{archive: {path: /srv/dicom}}]"
        let reference = try configuration(SettingsReference.text(), set: [source])
        let defaults = try configuration("", set: [source])
        #expect("\(reference)" == "\(defaults)")
    }

    @Test func everyExampleOfTheReferenceIsRight() throws {
        #expect(problems(SettingsReference.withExamples()) == [])
    }
}
