// IPv6 addresses as they stand in URLs: read in every spelling, written in one.

/// An IPv6 address without a zone (RFC 4291 §2.2), described in its one recommended spelling (RFC 5952 §4).
struct IPv6Address: Hashable, Sendable, CustomStringConvertible {
    private let groups: [UInt16]

    /// Nil unless the text is an address exactly: up to eight groups, one "::" at most, perhaps an IPv4 ending.
    init?(_ text: some Collection<UInt8>) {
        guard (2...45).contains(text.count) else { return nil }
        let string = String(decoding: text, as: UTF8.self)
        let halves = string.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
        guard halves.count <= 2, !(halves.last?.contains("::") ?? false) else { return nil }
        guard let head = Self.groups(of: halves[0], mayEndInIPv4: halves.count == 1) else { return nil }
        if halves.count == 1 {
            guard head.count == 8 else { return nil }
            groups = head
        } else {
            guard let tail = Self.groups(of: halves[1], mayEndInIPv4: true), head.count + tail.count < 8 else {
                return nil
            }
            groups = head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
        }
    }

    private static func groups(of text: Substring, mayEndInIPv4: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var result: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if mayEndInIPv4, index == parts.count - 1, part.contains(".") {
                guard let (high, low) = ipv4(part) else { return nil }
                result += [high, low]
            } else {
                guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy({ PercentCoding.hexValue($0) != nil }),
                    let value = UInt16(part, radix: 16)
                else { return nil }
                result.append(value)
            }
        }
        return result.count <= 8 ? result : nil
    }

    private static func ipv4(_ text: Substring) -> (UInt16, UInt16)? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let values = parts.compactMap { part -> UInt16? in
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
                return nil
            }
            return UInt8(part).map(UInt16.init)
        }
        guard parts.count == 4, values.count == 4 else { return nil }
        return (values[0] << 8 | values[1], values[2] << 8 | values[3])
    }

    var description: String {
        let (start, length) = longestZeroRun
        guard length >= 2 else { return Self.text(groups[...]) }
        return Self.text(groups[..<start]) + "::" + Self.text(groups[(start + length)...])
    }

    private static func text(_ groups: ArraySlice<UInt16>) -> String {
        groups.map { String($0, radix: 16) }.joined(separator: ":")
    }

    private var longestZeroRun: (start: Int, length: Int) {
        var best = (start: 0, length: 0)
        var index = 0
        while index < groups.count {
            let run = groups[index...].prefix { $0 == 0 }.count
            if run > best.length { best = (index, run) }
            index += max(run, 1)
        }
        return best
    }
}
