// The fuzzer's entry: which harness an input goes to. libFuzzer brings main; what each harness asserts stands in its file.
internal import Glibc

/// What is done with one input; it traps by ``require(_:_:)`` when the code under test breaks a promise.
struct Harness: Sendable {
    let run: @Sendable ([UInt8]) -> Void
    /// Inputs that are better made than stored, by name.
    var seeds: @Sendable () -> [(name: String, bytes: [UInt8])] = { [] }

    static let all: [String: Harness] = [
        "part10-head": Harness(run: readPart10Head, seeds: DICOMSeeds.files),
        "part10-models": Harness(run: writeModels, seeds: DICOMSeeds.files),
        "part10-frames": Harness(run: readFrames, seeds: DICOMSeeds.files),
        "part10-reencoder": Harness(run: reencode, seeds: DICOMSeeds.files),
        "part10-deflated": Harness(run: inflate, seeds: DICOMSeeds.deflated),
        "frame-index": Harness(run: decodeFrameIndex, seeds: DICOMSeeds.frameIndexes),
        "metadata-json": Harness(run: rewriteJSON),
        "metadata-xml": Harness(run: rewriteXML),
        "multipart": Harness(run: readMultipart),
        "accept": Harness(run: negotiate),
        "http1-head": Harness(run: parseHead, seeds: HTTPSeeds.heads),
        "http1-chunked": Harness(run: decodeChunks, seeds: HTTPSeeds.chunks),
        "fhir": Harness(run: readFHIR),
    ]
}

/// The harness that the environment names: `WADOGATE_HARNESS=multipart`.
private let chosen: Harness = {
    guard let name = variable("WADOGATE_HARNESS"), let harness = Harness.all[name] else {
        fatalError("WADOGATE_HARNESS must be one of: \(Harness.all.keys.sorted().joined(separator: ", "))")
    }
    return harness
}()

private func variable(_ name: String) -> String? {
    // The environment is not changed while the fuzzer runs.
    unsafe getenv(name).map { unsafe String(cString: $0) }
}

/// What libFuzzer calls once. With `WADOGATE_SEEDS=folder` the harness's own seeds are written there first.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(_: UnsafeMutableRawPointer?, _: UnsafeMutableRawPointer?) -> CInt {
    guard let folder = variable("WADOGATE_SEEDS") else { return 0 }
    for seed in chosen.seeds() {
        guard let file = unsafe fopen("\(folder)/\(seed.name)", "w") else { fatalError("cannot write into \(folder)") }
        unsafe fwrite(seed.bytes, 1, seed.bytes.count, file)
        unsafe fclose(file)
    }
    return 0
}

/// What libFuzzer calls with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // libFuzzer's buffer is copied before anything else happens.
    chosen.run(unsafe [UInt8](UnsafeBufferPointer(start: start, count: count)))
    return 0
}

/// Traps with its text, in optimised builds too, unless the condition holds.
func require(_ condition: Bool, _ text: @autoclosure () -> String) {
    if !condition { fatalError(text()) }
}
