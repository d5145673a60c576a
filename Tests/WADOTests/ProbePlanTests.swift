import DICOM
import Testing
import WADO

/// An archive as a probe sees it: a picture follows from what it reads of a request, and from nothing else.
private struct Archive {
    var columns = 512
    var rows = 256
    var frames = 1
    var honours: Set<Ability> = []
    /// Parameters that it answers with this status.
    var refuses: [Ability: Int] = [:]
    var type: String?
    var isColour = false
    /// What it sends for an area: by default the area's own size where a box is not asked for.
    var stretches = false
    var countsFrom = 1
    var clampsFrames = false
    /// How every picture of all frames looks.
    var framesLookAlike = false
    private(set) var asked: [ProbePicture] = []

    /// What a picture shows, as far as this archive tells requests apart.
    private struct Seen: Hashable {
        var columns: Int
        var rows: Int
        var frame = 1
        var box: String?
        var area: String?
        var window: String?
        var quality: Int?
        var annotation: [String] = []
        var profile: String?
    }

    mutating func answer(_ picture: ProbePicture) -> ProbeAnswer {
        asked.append(picture)
        let rendering = picture.rendering
        if let status = refusal(of: rendering) { return .refused(status: status) }
        var seen = Seen(columns: columns, rows: rows)
        if honours.contains(.frameNumber), let frame = picture.frame {
            var index = frame - countsFrom
            if clampsFrames { index = min(index, frames - 1) }
            guard (0..<frames).contains(index) else { return .refused(status: 404) }
            seen.frame = framesLookAlike ? 0 : index
        }
        if case .pixels(let x?, let y?, let width?, let height?) = rendering.area, honours.contains(.region) {
            (seen.columns, seen.rows) = (Int(abs(width)), Int(abs(height)))
            let isFlipped = honours.contains(.flip)
            seen.area = "\(x) \(y) \(isFlipped ? width : abs(width)) \(isFlipped ? height : abs(height))"
        }
        if let width = rendering.columns, let height = rendering.rows, honours.contains(.viewport) {
            let scale = min(Double(width) / Double(seen.columns), Double(height) / Double(seen.rows))
            seen.columns = stretches ? width : Int(Double(seen.columns) * scale)
            seen.rows = stretches ? height : Int(Double(seen.rows) * scale)
        }
        if let window = rendering.window, honours.contains(.window), !isColour {
            let function = honours.contains(.sigmoid) ? window.function.rawValue : ""
            seen.window = "\(window.center) \(window.width) \(function)"
        }
        if honours.contains(.quality) { seen.quality = rendering.quality }
        if honours.contains(.annotation) { seen.annotation = rendering.annotation }
        if honours.contains(.iccProfile), rendering.iccProfile != "no" { seen.profile = rendering.iccProfile }
        return Self.picture(seen.columns, seen.rows, type: type ?? picture.type, isColour: isColour, seen.hashValue)
    }

    private func refusal(of rendering: RenderingParameters) -> Int? {
        for (ability, status) in refuses {
            let isAsked =
                switch ability {
                case .viewport: rendering.columns != nil && rendering.area == nil
                case .region: rendering.area != nil
                case .window: rendering.window != nil
                case .sigmoid: rendering.window?.function == .sigmoid
                case .quality: rendering.quality != nil
                default: rendering.isDefault
                }
            if isAsked { return status }
        }
        return nil
    }

    static func picture(
        _ columns: Int, _ rows: Int, type: String = "image/jpeg", isColour: Bool = false, _ digest: Int = 0
    ) -> ProbeAnswer {
        var bytes = PictureHeadTests.jpeg(columns, rows, components: isColour ? 3 : 1)
        if type == "image/png" { bytes = PictureHeadTests.png(columns, rows, colourType: isColour ? 2 : 0) }
        guard let head = PictureHead(bytes) else { return .noPicture }
        return .picture(head, digest: [UInt64(bitPattern: Int64(digest))])
    }
}

@Suite struct ProbePlanTests {
    private func plan(
        _ abilities: [Ability], frame: Int? = nil, type: String = "image/jpeg", frames: Int = 1, isSized: Bool = true
    ) -> ProbePlan {
        var rendering = RenderingParameters()
        rendering.window = .init(center: "40", width: "400", function: .sigmoid)
        rendering.iccProfile = "srgb"
        let facts = InstanceFacts(
            study: UID("1")!, series: UID("2")!, instance: UID("3")!, rows: isSized ? 256 : nil,
            columns: isSized ? 512 : nil, numberOfFrames: frames)
        return ProbePlan(abilities, with: .init(frame: frame, type: type, rendering: rendering, facts: facts))
    }

    private func run(_ plan: inout ProbePlan, _ answer: (ProbePicture) -> ProbeAnswer) {
        while let picture = plan.next { plan.take(answer(picture)) }
    }

    private func verdict(
        _ ability: Ability, _ archive: inout Archive, type: String = "image/jpeg", isSized: Bool = true
    ) -> ProbeVerdict {
        var plan = plan([ability], type: type, frames: archive.frames, isSized: isSized)
        run(&plan) { archive.answer($0) }
        return plan.verdict(on: ability)
    }

    /// Of each parameter: what an archive must honour to be able, and how many pictures that takes.
    private static let pictures: [(Ability, Set<Ability>, Int)] = [
        (.viewport, [.viewport], 3), (.region, [.region, .viewport], 4), (.flip, [.flip, .region, .viewport], 5),
        (.window, [.window], 4), (.sigmoid, [.sigmoid, .window], 4), (.quality, [.quality], 4),
        (.annotation, [.annotation], 3), (.iccProfile, [.iccProfile], 4),
    ]

    @Test(arguments: pictures)
    func whatIsHonouredIsProven(ability: Ability, honoured: Set<Ability>, count: Int) {
        var archive = Archive(honours: honoured)
        #expect(verdict(ability, &archive) == .able)
        #expect(archive.asked.count == count)
    }

    @Test(arguments: pictures)
    func sizesAreTakenFromThePictureWhereNoneIsKnown(ability: Ability, honoured: Set<Ability>, count: Int) {
        var archive = Archive(honours: honoured)
        #expect(verdict(ability, &archive, isSized: false) == .able)
    }

    @Test(arguments: pictures)
    func whatIsIgnoredIsLacking(ability: Ability, honoured: Set<Ability>, count: Int) {
        var archive = Archive(honours: Set(Self.pictures.map(\.0)).subtracting([ability]))
        if ability == .window { archive.honours.remove(.sigmoid) }
        #expect(verdict(ability, &archive) == Self.ignored(ability))
    }

    @Test(arguments: pictures)
    func anArchiveThatIgnoresEverythingLacksEverything(ability: Ability, honoured: Set<Ability>, count: Int) {
        var archive = Archive()
        #expect(verdict(ability, &archive) == Self.ignored(ability))
    }

    /// A client's window may lie beside all values of the image, where both functions show the same.
    private static func ignored(_ ability: Ability) -> ProbeVerdict {
        ability == .sigmoid ? .undecided("both functions show the same in this window") : .lacking("ignores it")
    }

    @Test func aRefusedTypeSaysNothingOfQualities() {
        var archive = Archive(honours: [.quality], refuses: [.quality: 406])
        #expect(verdict(.quality, &archive, type: "image/png") == .undecided("it has no image/jpeg"))
    }

    @Test(arguments: pictures)
    func answersThatDifferByThemselvesProveNothing(ability: Ability, honoured: Set<Ability>, count: Int) {
        var archive = Archive(honours: honoured)
        var plan = plan([ability])
        var number = 0
        run(&plan) { picture in
            number += 1
            guard case .picture(let head, let digest) = archive.answer(picture) else { return .noPicture }
            return .picture(head, digest: digest + [UInt64(number)])
        }
        #expect(plan.verdict(on: ability) == .lacking("answers the same request differently"))
    }

    /// What happened in between, as the second of a time stamp, is seen by the last picture.
    @Test func aChangeWhileTheProbeRunsProvesNothing() {
        var plan = plan([.quality])
        var count = 0
        run(&plan) { _ in
            count += 1
            return Archive.picture(512, 256, count > 2 ? 1 : 0)
        }
        #expect(plan.verdict(on: .quality) == .lacking("answers the same request differently"))
    }

    // MARK: Statuses and faults

    @Test(arguments: [
        (Ability.viewport, 400), (.region, 501), (.window, 406), (.sigmoid, 415), (.quality, 422), (.window, 405),
    ])
    func aRefusedParameterIsLacking(ability: Ability, status: Int) {
        var archive = Archive(honours: [.viewport, .region, .window, .sigmoid, .quality], refuses: [ability: status])
        #expect(verdict(ability, &archive) == .lacking("refuses it with status \(status)"))
    }

    @Test(arguments: [401, 403, 404, 410, 500])
    func otherStatusesSayNothing(status: Int) {
        var archive = Archive(honours: [.window], refuses: [.window: status])
        #expect(verdict(.window, &archive) == .undecided("it was answered with status \(status)"))
        #expect(archive.asked.count == 3)
    }

    @Test func whatCannotBeHadWithoutParametersSaysNothing() {
        for answer in [ProbeAnswer.failed, .noPicture, .refused(status: 404), .refused(status: 400)] {
            var plan = plan([.viewport, .window])
            var count = 0
            run(&plan) { _ in
                count += 1
                return answer
            }
            #expect(count == 1)
            #expect(plan.verdict(on: .viewport) == .undecided("it has no picture without parameters either"))
        }
    }

    @Test func aFaultEndsTheProbeAndDecidesNothing() {
        var archive = Archive(honours: [.viewport, .window])
        var plan = plan([.viewport, .window, .quality])
        var count = 0
        run(&plan) { picture in
            count += 1
            return count == 3 ? .failed : archive.answer(picture)
        }
        #expect(count == 3)
        for ability in plan.abilities { #expect(plan.verdict(on: ability) == .undecided("an answer was missing")) }
    }

    @Test func anotherTypeThanAskedSaysNothing() {
        var archive = Archive(honours: [.viewport], type: "image/jpeg")
        #expect(verdict(.viewport, &archive, type: "image/png") == .undecided("it has no image/png"))
        #expect(archive.asked.count == 1)
    }

    @Test func anEmptyAnswerToAParameterIsNoAbility() {
        var archive = Archive(honours: [.window])
        var plan = plan([.window])
        run(&plan) { $0.rendering.window == nil ? archive.answer($0) : .noPicture }
        #expect(plan.verdict(on: .window) == .lacking("answers it without a picture"))
    }

    // MARK: Pictures that deceive

    @Test func qualityIsTriedOnATypeThatHasOne() {
        var archive = Archive(honours: [.quality])
        #expect(verdict(.quality, &archive, type: "image/png") == .able)
        #expect(archive.asked.map(\.type) == ["image/png", "image/jpeg", "image/jpeg", "image/png"])
    }

    @Test func coloursSayNothingOfWindows() {
        var archive = Archive(honours: [.window], isColour: true)
        #expect(verdict(.window, &archive) == .undecided("colours have no window"))
    }

    @Test func anArchiveThatTakesABoxAndNoAreaHasNoRegions() {
        for stretches in [false, true] {
            var archive = Archive(honours: [.viewport], stretches: stretches)
            #expect(verdict(.region, &archive) != .able)
        }
    }

    @Test func anotherSizeThanAskedIsNoViewport() {
        for (columns, rows) in [(128, 64), (256, 256), (512, 128), (300, 150)] {
            var plan = plan([.viewport])
            run(&plan) { $0.rendering.columns == nil ? Archive.picture(512, 256) : Archive.picture(columns, rows, 1) }
            #expect(plan.verdict(on: .viewport) != .able, "\(columns) by \(rows)")
        }
    }

    @Test func aPictureOfAnotherSizeIsNoProofOfAnythingElse() {
        var plan = plan([.window, .quality, .annotation])
        var count = 0
        run(&plan) { picture in
            count += 1
            return picture.rendering.isDefault ? Archive.picture(512, 256) : Archive.picture(100, 100, count)
        }
        for ability in plan.abilities { #expect(plan.verdict(on: ability) != .able) }
    }

    @Test func aSymmetricImageSaysNothingOfFlips() {
        var plan = plan([.flip])
        run(&plan) { picture in
            guard case .pixels(_, _, _, let height?) = picture.rendering.area else { return Archive.picture(512, 256) }
            return Archive.picture(512, 256, height < 0 ? 1 : 0)
        }
        #expect(plan.verdict(on: .flip) == .undecided("the image is the same either way round"))
    }

    @Test func aSmallImageSaysNothingOfSizes() {
        for ability in [Ability.viewport, .region] {
            var plan = plan([ability], isSized: false)
            run(&plan) { _ in Archive.picture(15, 15) }
            #expect(plan.verdict(on: ability) == .undecided("the image is too small"))
        }
    }

    @Test(arguments: [Ability.presentation, .charset])
    func someAreNeverTriedOut(ability: Ability) {
        #expect(!ability.canBeProbed)
        var archive = Archive(honours: [ability])
        #expect(verdict(ability, &archive) == .undecided("it is never tried out"))
    }

    @Test func severalAbilitiesShareTheFirstAndTheLastPicture() {
        var archive = Archive(honours: [.viewport, .window])
        var plan = plan([.viewport, .window, .quality], frame: 7)
        run(&plan) { archive.answer($0) }
        #expect(archive.asked.count == 2 + 1 + 2 + 2)
        #expect(archive.asked.allSatisfy { $0.frame == 7 })
        #expect(plan.abilities.map { plan.verdict(on: $0) } == [.able, .able, .lacking("ignores it")])
    }

    // MARK: Frame numbers

    @Test func framesCountedFromOneAreProven() {
        var archive = Archive(frames: 9, honours: [.frameNumber])
        #expect(verdict(.frameNumber, &archive) == .able)
        #expect(archive.asked.map(\.frame) == [1, 9, 10, 1])
        #expect(archive.asked.allSatisfy { $0.rendering.isDefault })
    }

    @Test func framesCountedFromZeroAreNot() {
        var archive = Archive(frames: 9, honours: [.frameNumber], countsFrom: 0)
        #expect(verdict(.frameNumber, &archive) == .lacking("has no picture of the last frame"))
        archive.clampsFrames = true
        #expect(verdict(.frameNumber, &archive) == .lacking("has a picture of a frame behind the last one"))
    }

    @Test func ignoredFrameNumbersAreLacking() {
        var archive = Archive(frames: 9)
        #expect(verdict(.frameNumber, &archive) == .lacking("ignores it"))
        #expect(archive.asked.map(\.frame) == [1, 9, 10, 1])
    }

    @Test func whereTheLastFrameLooksLikeTheFirstOneBetweenIsAsked() {
        var plan = plan([.frameNumber], frames: 9)
        var frames: [Int] = []
        run(&plan) { picture in
            let frame = picture.frame ?? 0
            frames.append(frame)
            return frame > 9 ? .refused(status: 400) : Archive.picture(512, 256, frame == 5 ? 1 : 0)
        }
        #expect(frames == [1, 9, 10, 5, 1])
        #expect(plan.verdict(on: .frameNumber) == .able)
    }

    @Test func framesThatLookAlikeSayNothing() {
        var archive = Archive(frames: 2, honours: [.frameNumber], framesLookAlike: true)
        #expect(verdict(.frameNumber, &archive) == .undecided("the image's frames look alike"))
    }

    @Test func oneFrameSaysNothingOfFrameNumbers() {
        var archive = Archive()
        #expect(verdict(.frameNumber, &archive) == .undecided("the image is not known to have several frames"))
    }

    @Test func aFaultSaysNothingOfFrameNumbers() {
        for (frame, answer) in [(9, ProbeAnswer.failed), (9, .refused(status: 500)), (10, .failed)] {
            var archive = Archive(frames: 9, honours: [.frameNumber])
            var plan = plan([.frameNumber], frames: 9)
            run(&plan) { $0.frame == frame ? answer : archive.answer($0) }
            guard case .undecided = plan.verdict(on: .frameNumber) else {
                Issue.record("\(plan.verdict(on: .frameNumber)) after \(answer) for frame \(frame)")
                continue
            }
        }
    }
}
