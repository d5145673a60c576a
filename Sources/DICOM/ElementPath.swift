// How an element is found again: what stands in a bulk data URL, and the way back to the element.

/// Where an element stands: the sequences and items that lead to it, and its tag.
package struct ElementPath: Hashable, Sendable, CustomStringConvertible {
    package struct Step: Hashable, Sendable {
        package let tag: Tag
        /// From 1; 0 before the first.
        package var item = 0
    }

    package private(set) var steps: [Step] = []
    /// The element itself; nil for a path that still leads on.
    package private(set) var tag: Tag?

    package init() {}

    /// From tags and item numbers in turn, as they stand in a bulk data URL; nil for anything else, and for more
    /// than there is depth.
    package init?(_ components: some Sequence<some StringProtocol>) {
        var expectsTag = true
        for component in components {
            if expectsTag {
                guard tag == nil, let next = Tag(hex: component) else { return nil }
                tag = next
            } else {
                guard let last = tag, let item = Int(component), item > 0, component.utf8.first != UInt8(ascii: "+"),
                    steps.count < DataSetReader.depthLimit
                else { return nil }
                steps.append(Step(tag: last, item: item))
                tag = nil
            }
            expectsTag.toggle()
        }
        guard tag != nil else { return nil }
    }

    var item: Int {
        get { steps.last?.item ?? 0 }
        set { if !steps.isEmpty { steps[steps.count - 1].item = newValue } }
    }

    mutating func enter(_ tag: Tag) { steps.append(Step(tag: tag)) }
    mutating func leave() { steps.removeLast() }

    func appending(_ tag: Tag) -> ElementPath {
        var path = self
        path.tag = tag
        return path
    }

    /// As it stands in a URL: `00081140/1/00081155`.
    package var description: String {
        steps.map { "\($0.tag.hex)/\($0.item)/" }.joined() + (tag?.hex ?? "")
    }
}

extension DataSetReader {
    /// The element at a path; nil when there is none, or a sequence stands there. O(n) in what stands before it.
    ///
    /// - Throws: as ``next()``.
    package static func find(_ path: ElementPath, in file: Part10File) throws -> Element? {
        var reader = DataSetReader(file)
        var here = ElementPath()
        while let event = try reader.next() {
            switch event {
            case .element(let element):
                if element.tag == path.tag, here.steps == path.steps { return element }
                if here.steps.isEmpty, let target = path.steps.first?.tag ?? path.tag, element.tag > target {
                    return nil
                }
            case .beginSequence(let tag): here.enter(tag)
            case .beginItem(let number): here.item = number
            case .endItem: break
            case .endSequence: here.leave()
            }
        }
        return nil
    }
}
