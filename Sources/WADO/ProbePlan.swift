// Which pictures show whether an archive honours a parameter that it might ignore silently, and what their differences say.
// Pure: who asks for them, and how long the verdict counts, is decided elsewhere. The verdicts stand in ProbeVerdict.swift.
package import DICOM

/// A picture that a probe asks for.
package struct ProbePicture: Sendable, Hashable {
    package var rendering = RenderingParameters()
    /// As in a client's request.
    package var frame: Int?
    /// The media type to ask for.
    package var type: String
    /// What to take the instance for.
    package var facts: InstanceFacts
}

/// What came when a picture was asked for.
package enum ProbeAnswer: Sendable, Hashable {
    /// - Parameter digest: equal for equal bytes.
    case picture(PictureHead, digest: [UInt64])
    /// 200, and nothing that is a picture whose size can be read.
    case noPicture
    /// Another status than 200.
    case refused(status: Int)
    /// Nothing that says anything of the parameter: a time-out, a broken connection, an overloaded archive.
    case failed

    var isPicture: Bool { if case .picture = self { true } else { false } }
}

/// The pictures that are asked for to find out some abilities with one instance, one after the other.
///
/// The first and the last are the same: the picture without the parameters in question. An archive whose answers differ by
/// themselves proves nothing; and what has changed in between, as a time stamp does, shows itself at the end.
package struct ProbePlan: Sendable {
    /// What the client has asked for.
    package struct Subject: Sendable {
        package var frame: Int?
        /// The picture's media type.
        package var type: String
        package var rendering: RenderingParameters
        /// What is known of the instance; its size may be missing.
        package var facts: InstanceFacts

        package init(frame: Int?, type: String, rendering: RenderingParameters, facts: InstanceFacts) {
            (self.frame, self.type, self.rendering, self.facts) = (frame, type, rendering, facts)
        }
    }

    private enum Place { case before, ability(Ability), after }

    package let abilities: [Ability]
    let subject: Subject
    var before: ProbeAnswer?
    var after: ProbeAnswer?
    var answers: [Ability: [ProbeAnswer]] = [:]

    /// - Parameter abilities: parameters that can be probed; ``Ability/frameNumber`` alone, since it decides which picture
    ///   the other parameters are tried on.
    package init(_ abilities: [Ability], with subject: Subject) {
        self.abilities = abilities
        self.subject = subject
    }

    /// The picture to ask for next; nil when there is nothing more to find out, or no hope to.
    package var next: ProbePicture? { place.flatMap { picture(at: $0) } }

    /// Whether ``next`` is the first picture.
    package var isAtStart: Bool { before == nil }

    /// Takes the answer to ``next``.
    package mutating func take(_ answer: ProbeAnswer) {
        switch place {
        case .before: before = answer
        case .after: after = answer
        case .ability(let ability): answers[ability, default: []].append(answer)
        case nil: break
        }
    }

    private var place: Place? {
        guard before != nil else { return .before }
        guard let image, after == nil, !answers.values.joined().contains(.failed) else { return nil }
        let open = abilities.first { !isSettled($0) && picture(answers[$0]?.count ?? 0, of: $0, image) != nil }
        return open.map { .ability($0) } ?? .after
    }

    /// Whether a picture is missing without which the others say nothing.
    private func isSettled(_ ability: Ability) -> Bool {
        ability != .frameNumber && answers[ability]?.contains { !$0.isPicture } ?? false
    }

    private func picture(at place: Place) -> ProbePicture? {
        switch place {
        case .before, .after: return plain
        case .ability(let ability):
            guard let image else { return nil }
            return picture(answers[ability]?.count ?? 0, of: ability, image)
        }
    }

    // MARK: The pictures

    /// The picture without parameters; of frame numbers, the first frame's.
    private var plain: ProbePicture {
        let frame = abilities == [.frameNumber] ? 1 : subject.frame
        return ProbePicture(frame: frame, type: subject.type, facts: subject.facts)
    }

    /// The picture without parameters, once it has come and is of the type that was asked for.
    var image: PictureHead? {
        guard case .picture(let head, _) = before, head.type == subject.type else { return nil }
        return head
    }

    /// What the pictures' sizes are taken from.
    func size(of image: PictureHead) -> ImageSize? {
        ImageSize(columns: subject.facts.columns, rows: subject.facts.rows)
            ?? ImageSize(columns: image.columns, rows: image.rows)
    }

    /// The picture of this number that an ability is probed with; nil behind the last.
    private func picture(_ number: Int, of ability: Ability, _ image: PictureHead) -> ProbePicture? {
        if ability == .frameNumber { return framePicture(number) }
        guard let size = size(of: image) else { return nil }
        let renderings = renderings(for: ability, size)
        guard number < renderings.count else { return nil }
        var picture = plain
        picture.rendering = renderings[number]
        picture.facts.columns = size.columns
        picture.facts.rows = size.rows
        if ability == .quality { picture.type = Self.lossyType }
        return picture
    }

    /// The last frame; where it comes, one behind it; and where that does not come and the last looks like the first, one
    /// between.
    private func framePicture(_ number: Int) -> ProbePicture? {
        let frames = subject.facts.numberOfFrames
        guard (2..<Int.max).contains(frames) else { return nil }
        let given = answers[.frameNumber] ?? []
        var numbers = [frames]
        if let last = given.first, last.isPicture { numbers.append(frames + 1) }
        if frames > 2, given.count > 1, given[0] == before, !given[1].isPicture { numbers.append(frames / 2 + 1) }
        guard number < numbers.count else { return nil }
        var picture = plain
        picture.frame = numbers[number]
        // Else the frame behind the last could not even be asked for.
        picture.facts.numberOfFrames = frames + 1
        return picture
    }

    /// The type that every archive has and that knows qualities.
    static let lossyType = "image/jpeg"

    private func renderings(for ability: Ability, _ size: ImageSize) -> [RenderingParameters] {
        let empty = RenderingParameters()
        func with(_ change: (inout RenderingParameters) -> Void) -> RenderingParameters {
            var parameters = empty
            change(&parameters)
            return parameters
        }
        func area(_ x: Int, _ y: Int, _ width: Int, _ height: Int) -> RenderingParameters.Area {
            .pixels(x: Double(x), y: Double(y), width: Double(width), height: Double(height))
        }
        func window(_ center: String, _ width: String, _ function: RenderingParameters.Window.Function)
            -> RenderingParameters
        {
            with { $0.window = .init(center: center, width: width, function: function) }
        }
        let (columns, rows) = (size.columns, size.rows)
        switch ability {
        case .viewport:
            let box = Self.viewportBox(size)
            return [with { ($0.columns, $0.rows) = (box.columns, box.rows) }]
        case .region:
            let box = Self.regionBox(size)
            // The whole image in the same box first: an archive that takes the box and not the area sends that.
            return [
                with { ($0.columns, $0.rows) = (box.columns, box.rows) },
                with { $0.area = area(columns / 4, rows / 2, box.columns, box.rows) },
            ]
        case .flip:
            return [(columns, rows), (-columns, rows), (columns, -rows)].map { width, height in
                with {
                    ($0.columns, $0.rows) = (columns, rows)
                    $0.area = area(0, 0, width, height)
                }
            }
        case .window:
            // Below and above every value of every image: all white and all black.
            return [window("-100000", "2", .linear), window("100000", "2", .linear)]
        case .sigmoid:
            // The client's own, since a window beside an image's values shows no difference.
            guard let asked = subject.rendering.window else { return [] }
            return [window(asked.center, asked.width, .linear), window(asked.center, asked.width, .sigmoid)]
        case .quality: return [1, 100].map { quality in with { $0.quality = quality } }
        case .annotation: return [with { $0.annotation = ["patient", "technique"] }]
        case .iccProfile:
            return ["no", subject.rendering.iccProfile ?? "srgb"].map { profile in with { $0.iccProfile = profile } }
        case .frameNumber, .presentation, .charset, .storedSyntax, .metadata, .frames, .bulkdata, .rendered, .thumbnail:
            return []
        }
    }

    /// Half as large, so that the picture's shape is the image's: archives differ in what they do with another one.
    static func viewportBox(_ size: ImageSize) -> (columns: Int, rows: Int) {
        (max(1, size.columns / 2), max(1, size.rows / 2))
    }

    /// A part of another shape than the image's.
    static func regionBox(_ size: ImageSize) -> (columns: Int, rows: Int) {
        (max(1, size.columns / 2), max(1, size.rows / 4))
    }
}
