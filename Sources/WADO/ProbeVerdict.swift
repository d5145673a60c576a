// What the answers to a probe's pictures say. An ability that is not shown is none; but what came of a fault, or of a picture
// that cannot show it, says nothing of the archive.

/// What a probe found out of one ability.
package enum ProbeVerdict: Sendable, Hashable {
    /// The pictures differ as they must.
    case able
    /// They do not, or the archive refuses; why, as a sentence's part behind the archive's name.
    case lacking(String)
    /// This time nothing could be found out; why, as a sentence's part.
    case undecided(String)
}

extension ProbePlan {
    /// What has been found out, once ``next`` is nil.
    package func verdict(on ability: Ability) -> ProbeVerdict {
        guard let before, before.isPicture else { return .undecided("it has no picture without parameters either") }
        guard let image else { return .undecided("it has no \(subject.type)") }
        guard case .picture = after else { return .undecided("an answer was missing") }
        guard before == after else { return .lacking("answers the same request differently") }
        let given = answers[ability] ?? []
        if ability == .frameNumber { return frameNumber(given, first: before) }
        var pictures: [Picture] = []
        for answer in given {
            switch picture(of: answer, asked: ability == .quality ? Self.lossyType : subject.type) {
            case .success(let picture): pictures.append(picture)
            // A type that the archive may not have says nothing of qualities.
            case .failure where ability == .quality && subject.type != Self.lossyType:
                return .undecided("it has no \(Self.lossyType)")
            case .failure(let refusal): return refusal.verdict
            }
        }
        let plain = Picture(columns: image.columns, rows: image.rows, answer: before)
        switch (ability, pictures.count) {
        case (.viewport, 1): return viewport(pictures[0], image)
        case (.region, 2): return region(whole: pictures[0], part: pictures[1], image)
        case (.flip, 3): return flip(pictures)
        case (.window, 2):
            let verdict = difference(plain, pictures[0], pictures[1])
            guard case .lacking = verdict, image.isColour else { return verdict }
            return .undecided("colours have no window")
        case (.sigmoid, 2):
            let verdict = difference(plain, pictures[0], pictures[1])
            // The client's own window may lie beside all values of the image.
            guard verdict == .lacking(Self.ignores) else { return verdict }
            return .undecided("both functions show the same in this window")
        case (.quality, 2), (.iccProfile, 2): return difference(plain, pictures[0], pictures[1])
        case (.annotation, 1): return difference(plain, plain, pictures[0])
        default: return .undecided("it is never tried out")
        }
    }

    private struct Picture {
        let columns: Int
        let rows: Int
        let answer: ProbeAnswer

        func isSize(_ columns: Int, _ rows: Int) -> Bool {
            // Half pixels are rounded up or down.
            abs(self.columns - columns) <= 1 && abs(self.rows - rows) <= 1
        }
    }

    private struct Refusal: Error { let verdict: ProbeVerdict }

    private func picture(of answer: ProbeAnswer, asked type: String) -> Result<Picture, Refusal> {
        let verdict: ProbeVerdict
        switch answer {
        case .picture(let head, _) where head.type == type:
            return .success(Picture(columns: head.columns, rows: head.rows, answer: answer))
        case .picture(let head, _): verdict = .lacking("answers it with \(head.type)")
        case .noPicture: verdict = .lacking("answers it without a picture")
        case .refused(let status) where Self.isRefusal(status): verdict = .lacking("refuses it with status \(status)")
        case .refused(let status): verdict = .undecided("it was answered with status \(status)")
        case .failed: verdict = .undecided("an answer was missing")
        }
        return .failure(Refusal(verdict: verdict))
    }

    /// Whether a status, where the picture without the parameter was answered with 200, speaks of the parameter.
    private static func isRefusal(_ status: Int) -> Bool { [400, 405, 406, 415, 422, 501].contains(status) }

    // MARK: One ability each

    private func viewport(_ picture: Picture, _ image: PictureHead) -> ProbeVerdict {
        guard let size = size(of: image), size.isProbeable else { return Self.tooSmall }
        let box = Self.viewportBox(size)
        if picture.isSize(box.columns, box.rows), !picture.isSize(image.columns, image.rows) { return .able }
        return .lacking(picture.isSize(image.columns, image.rows) ? Self.ignores : Self.otherSize)
    }

    private func region(whole: Picture, part: Picture, _ image: PictureHead) -> ProbeVerdict {
        guard let size = size(of: image), size.isProbeable else { return Self.tooSmall }
        let box = Self.regionBox(size)
        if part.answer == whole.answer || part.answer == before { return .lacking(Self.ignores) }
        return part.isSize(box.columns, box.rows) ? .able : .lacking(Self.otherSize)
    }

    private func flip(_ pictures: [Picture]) -> ProbeVerdict {
        let size = (pictures[0].columns, pictures[0].rows)
        guard pictures.allSatisfy({ ($0.columns, $0.rows) == size }) else { return .lacking(Self.otherSize) }
        switch Set(pictures.map(\.answer)).count {
        case 3: return .able
        case 1: return .lacking(Self.ignores)
        default: return .undecided("the image is the same either way round")
        }
    }

    /// Two pictures of the image's own size whose bytes must differ.
    private func difference(_ plain: Picture, _ one: Picture, _ other: Picture) -> ProbeVerdict {
        for picture in [one, other] where (picture.columns, picture.rows) != (plain.columns, plain.rows) {
            return .lacking(Self.otherSize)
        }
        return one.answer == other.answer ? .lacking(Self.ignores) : .able
    }

    /// Frames are counted from 1 where the last one has a picture and the one behind it has none.
    private func frameNumber(_ given: [ProbeAnswer], first: ProbeAnswer) -> ProbeVerdict {
        guard let last = given.first else { return .undecided("the image is not known to have several frames") }
        switch last {
        case .picture(let head, _):
            guard head.type == subject.type else { return .lacking("answers it with \(head.type)") }
        case .refused(let status) where ![400, 404, 406, 501].contains(status):
            return .undecided("the last frame was answered with status \(status)")
        case .failed: return .undecided("an answer was missing")
        case .refused, .noPicture: return .lacking("has no picture of the last frame")
        }
        guard given.count > 1 else { return .undecided("an answer was missing") }
        if given[1].isPicture {
            return .lacking(given[1] == first ? Self.ignores : "has a picture of a frame behind the last one")
        }
        let between = given.dropFirst(2).filter(\.isPicture)
        return ([last] + between).contains { $0 != first } ? .able : .undecided("the image's frames look alike")
    }

    private static let ignores = "ignores it"
    private static let otherSize = "answers it with another size than the one asked for"
    private static let tooSmall = ProbeVerdict.undecided("the image is too small")
}

extension ImageSize {
    /// Whether half and quarter of it are sizes of their own, whichever way they are rounded.
    fileprivate var isProbeable: Bool { columns >= 16 && rows >= 16 }
}
