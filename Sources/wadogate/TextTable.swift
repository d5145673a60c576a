// Columns that line up, for people at a terminal.

/// Rows of texts, printed with every column as wide as its widest text.
package struct TextTable: Sendable {
    private let indent: Int
    /// Columns whose texts stand at the right: numbers.
    private let rightAligned: Set<Int>
    private var rows: [[String]] = []

    package init(_ header: [String] = [], indent: Int = 0, rightAligned: Set<Int> = []) {
        self.indent = indent
        self.rightAligned = rightAligned
        if !header.isEmpty { rows.append(header) }
    }

    package mutating func append(_ row: [String]) { rows.append(row) }

    /// Two blanks between columns, none at a line's end, each line with its line feed.
    package var text: String {
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            var line = String(repeating: " ", count: indent)
            for (column, text) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - text.count)
                line += column > 0 ? "  " : ""
                line += rightAligned.contains(column) ? padding + text : text + padding
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}
