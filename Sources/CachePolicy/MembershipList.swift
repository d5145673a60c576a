// Which instances a series has, who said so and when; and where each one's metadata lies in the series' document. A text
// that an operator can read, and that a damaged disk or a hostile hand may have changed: every number is bounded.
package import DICOM

/// The instances of one series, as a complete answer or a trusted enumeration has named them.
///
/// As text, one line for the list and one for each instance, fields parted by a space, "-" for what is not known:
///
///     members 1 <source> <seconds since 1970> <how many> <tag of the metadata>
///     <SOP Instance UID> <SOP Class UID> <transfer syntax> <rows> <columns> <frames> <offset> <length> <placeholders>
package struct MembershipList: Hashable, Sendable {
    /// Who has named them.
    package enum Source: String, Hashable, Sendable {
        /// The data sets of a whole series or study, to their end.
        case answer
        /// The metadata of the whole series.
        case metadata
        /// A search for the series' instances.
        case search
    }

    package struct Member: Hashable, Sendable {
        package var instance: UID
        package var sopClass: UID?
        package var transferSyntax: UID?
        package var rows: Int?
        package var columns: Int?
        /// Nil: not known.
        package var frames: Int?
        /// Where its data set lies in the series' metadata, and how many placeholders are in it.
        package var metadata: Place?

        package init(
            instance: UID, sopClass: UID? = nil, transferSyntax: UID? = nil, rows: Int? = nil, columns: Int? = nil,
            frames: Int? = nil, metadata: Place? = nil
        ) {
            self.instance = instance
            self.sopClass = sopClass
            self.transferSyntax = transferSyntax
            self.rows = rows
            self.columns = columns
            self.frames = frames
            self.metadata = metadata
        }

        package init(_ facts: InstanceFacts, metadata: Place? = nil) {
            self.init(
                instance: facts.instance, sopClass: facts.sopClass, transferSyntax: facts.transferSyntax,
                rows: facts.rows, columns: facts.columns, frames: facts.numberOfFrames, metadata: metadata)
        }

        /// What is known of the instance; nil when its number of frames is not.
        package func facts(study: UID, series: UID) -> InstanceFacts? {
            frames.map {
                InstanceFacts(
                    study: study, series: series, instance: instance, sopClass: sopClass,
                    transferSyntax: transferSyntax,
                    rows: rows, columns: columns, numberOfFrames: $0)
            }
        }
    }

    package struct Place: Hashable, Sendable {
        package var range: Range<Int64>
        package var placeholders: Int

        package init(range: Range<Int64>, placeholders: Int) {
            self.range = range
            self.placeholders = placeholders
        }
    }

    package var source: Source
    /// Seconds since 1970 at which it was complete.
    package var time: Int64
    package var members: [Member]
    /// The tag of the series' metadata in which the places are: in another document they mean nothing.
    package var document: String?

    package init(source: Source, time: Int64, members: [Member], document: String? = nil) {
        self.source = source
        self.time = time
        self.members = members
        self.document = document
    }

    /// The most instances of a series.
    package static let limit = 100_000
    /// The longest text, in bytes.
    package static let sizeLimit = 64 << 20

    /// Whether another list names the same instances, in whatever order.
    package func hasSameInstances(as other: MembershipList) -> Bool {
        members.count == other.members.count && Set(members.map(\.instance)) == Set(other.members.map(\.instance))
    }

    /// The same list, with what an earlier one knew of the same instances and this one does not. Places are taken over when
    /// every instance has one, since a document without one of them is not the series'.
    package func completed(by earlier: MembershipList) -> MembershipList {
        let known = Dictionary(earlier.members.map { ($0.instance, $0) }, uniquingKeysWith: { first, _ in first })
        var list = self
        for place in list.members.indices {
            guard let before = known[list.members[place].instance] else { continue }
            list.members[place].complete(by: before)
        }
        guard document == nil, earlier.document != nil, hasSameInstances(as: earlier) else { return list }
        list.document = earlier.document
        for place in list.members.indices {
            list.members[place].metadata = known[list.members[place].instance]?.metadata
        }
        return list
    }
}

extension MembershipList {
    /// The text.
    package var encoded: [UInt8] {
        var text = "members 1 \(source.rawValue) \(time) \(members.count) \(document ?? "-")\n"
        for member in members {
            text += "\(member.instance) \(member.sopClass?.string ?? "-") \(member.transferSyntax?.string ?? "-") "
            text += "\(Self.field(member.rows)) \(Self.field(member.columns)) \(Self.field(member.frames)) "
            if let place = member.metadata {
                text += "\(place.range.lowerBound) \(place.range.upperBound - place.range.lowerBound) "
                text += "\(place.placeholders)\n"
            } else {
                text += "- - -\n"
            }
        }
        return Array(text.utf8)
    }

    private static func field(_ number: Int?) -> String { number.map { "\($0)" } ?? "-" }

    /// Reads a text; nil unless every line is as it should be, no instance comes twice and none is missing.
    package init?(decoding text: [UInt8]) {
        guard text.count <= Self.sizeLimit, text.last == UInt8(ascii: "\n") else { return nil }
        var lines = text.dropLast().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard let first = lines.first else { return nil }
        let head = Self.fields(first)
        guard head.count == 6, head[0] == "members", head[1] == "1", let source = Source(rawValue: head[2]),
            let time = Int64(head[3]), (0...253_402_300_799).contains(time), let count = Int(head[4]), !head[5].isEmpty
        else { return nil }
        lines.removeFirst()
        guard lines.count == count, count <= Self.limit else { return nil }
        var members: [Member] = []
        members.reserveCapacity(count)
        var seen: Set<UID> = []
        for line in lines {
            guard let member = Member(Self.fields(line)), seen.insert(member.instance).inserted else { return nil }
            members.append(member)
        }
        self.init(source: source, time: time, members: members, document: head[5] == "-" ? nil : head[5])
    }

    private static func fields(_ line: ArraySlice<UInt8>) -> [String] {
        line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
    }
}

extension MembershipList.Member {
    fileprivate mutating func complete(by earlier: MembershipList.Member) {
        sopClass = sopClass ?? earlier.sopClass
        transferSyntax = transferSyntax ?? earlier.transferSyntax
        rows = rows ?? earlier.rows
        columns = columns ?? earlier.columns
        frames = frames ?? earlier.frames
    }

    fileprivate init?(_ fields: [String]) {
        guard fields.count == 9, let instance = UID(fields[0]), Self.isUID(fields[1]), Self.isUID(fields[2]) else {
            return nil
        }
        let numbers = fields[3...].map { $0 == "-" ? nil : Int64($0) }
        for (field, number) in zip(fields[3...], numbers) {
            guard field == "-" || number.map({ (0...ObjectLayout.bodyLimit).contains($0) }) == true else { return nil }
        }
        self.init(
            instance: instance, sopClass: UID(fields[1]), transferSyntax: UID(fields[2]),
            rows: numbers[0].map { Int($0) },
            columns: numbers[1].map { Int($0) }, frames: numbers[2].map { Int($0) })
        if let offset = numbers[3], let length = numbers[4], let placeholders = numbers[5] {
            metadata = .init(range: offset..<offset + length, placeholders: Int(placeholders))
        }
    }

    private static func isUID(_ field: String) -> Bool { field == "-" || UID(field) != nil }
}
