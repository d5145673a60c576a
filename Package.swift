// swift-tools-version: 6.2
// The rooms of the house and who may import whom: an edge that is not written here is not allowed.
// `Scripts/check-imports` holds every `import` of every source file against this table.
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// A thin C target: the headers of a Debian library, and shims for what Swift can't call (variadics, macros, unions).
func c(_ name: String, links libraries: String...) -> Target {
    .target(name: name, linkerSettings: libraries.map { .linkedLibrary($0) })
}

func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(name: name + "Tests", dependencies: [.target(name: name)] + dependencies, swiftSettings: settings)
}

let package = Package(
    name: "wadogate",
    products: [.executable(name: "wadogate", targets: ["wadogate"])],
    targets: [
        c("CLinux"),
        c("CCurl", links: "curl"),
        c("COpenSSL", links: "ssl", "crypto"),
        c("CZlib", links: "z"),
        c("CIconv"),
        c("CSQLite", links: "sqlite3"),
        c("CYAML", links: "yaml"),
        c("CXXHash", links: "xxhash"),

        // Pure: values and functions, no sockets, files, clocks or environment.
        room("DICOM", ["CIconv", "CZlib"]),
        room("HTTP"),
        room("FHIR", ["DICOM", "HTTP"]),
        room("CachePolicy", ["CXXHash", "DICOM", "FHIR"]),
        room("WADO", ["DICOM", "HTTP", "FHIR", "CachePolicy"]),

        // I/O.
        room("EventLoop", ["CLinux"]),
        room("HTTPServer", ["CLinux", "COpenSSL", "EventLoop", "HTTP"]),
        room("Upstream", ["CCurl", "EventLoop", "HTTP"]),
        room("StudyDirectory", ["CLinux", "EventLoop", "Upstream", "HTTP", "DICOM", "FHIR"]),
        room("DiskCache", ["CLinux", "CSQLite", "EventLoop", "CachePolicy", "DICOM"]),

        // Assembly.
        room(
            "Gateway",
            [
                "COpenSSL", "EventLoop", "HTTPServer", "Upstream", "StudyDirectory", "DiskCache", "CachePolicy",
                "DICOM", "HTTP", "FHIR", "WADO",
            ]),
        room(
            "Operations",
            [
                "EventLoop", "HTTPServer", "Upstream", "Gateway", "StudyDirectory", "DiskCache", "CachePolicy", "HTTP",
                "DICOM",
            ]),
        room(
            "Configuration",
            [
                "CYAML", "HTTPServer", "Upstream", "StudyDirectory", "DiskCache", "CachePolicy", "Gateway",
                "Operations",
                "HTTP", "FHIR", "WADO",
            ]),
        .executableTarget(
            name: "wadogate",
            dependencies: [
                "CLinux", "Configuration", "Operations", "Gateway", "DiskCache", "StudyDirectory", "Upstream",
                "HTTPServer",
                "EventLoop", "CachePolicy", "WADO", "FHIR", "HTTP", "DICOM",
            ],
            swiftSettings: settings),

        .executableTarget(
            name: "Benchmarks",
            dependencies: ["CachePolicy", "DICOM", "EventLoop", "Gateway", "HTTP", "Operations", "WADO"],
            path: "Benchmarks/Pure",
            swiftSettings: settings),

        .executableTarget(
            name: "MillionObjects", dependencies: ["CachePolicy", "DICOM", "DiskCache", "EventLoop"],
            path: "Benchmarks/Cache", swiftSettings: settings),

        tests("DICOM"),
        // Requests that no server may take, for the parser's tests and for the server's.
        .target(name: "HTTPTestVectors", path: "Tests/HTTPTestVectors", swiftSettings: settings),
        tests("HTTP", ["HTTPTestVectors"]),
        tests("FHIR", ["DICOM", "HTTP"]),
        tests("WADO", ["DICOM", "HTTP", "FHIR", "CachePolicy"]),
        tests("CachePolicy", ["DICOM", "FHIR"]),
        tests("EventLoop"),
        tests("HTTPServer", ["EventLoop", "HTTP", "HTTPTestVectors", "CLinux"]),
        tests("Upstream", ["EventLoop", "HTTP", "CLinux"]),
        tests("StudyDirectory", ["CLinux", "EventLoop", "Upstream", "HTTP", "DICOM", "FHIR"]),
        tests("DiskCache", ["EventLoop", "CachePolicy", "DICOM", "FHIR", "CLinux"]),
        tests("Gateway", ["CachePolicy", "DICOM", "HTTP", "FHIR", "WADO"]),
        tests("wadogate", ["Configuration", "FHIR", "HTTP"]),
        tests("Operations", ["CachePolicy", "DICOM", "DiskCache", "EventLoop", "Gateway", "StudyDirectory"]),
        tests(
            "Configuration",
            ["HTTP", "HTTPServer", "FHIR", "WADO", "Gateway", "Upstream", "StudyDirectory", "DiskCache", "Operations"]),
    ]
)

// `make fuzz` alone builds what libFuzzer drives: without it there is nothing that could be its main.
if Context.environment["WADOGATE_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzz", dependencies: ["DICOM", "HTTP", "HTTPTestVectors", "FHIR", "WADO"], path: "Tests/Fuzz",
            exclude: ["Corpus", "README.md"], swiftSettings: settings))
}
