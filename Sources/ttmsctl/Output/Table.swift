/// Rows under aligned columns.
struct Table {
    /// The edge of a column at which its texts are aligned.
    enum Alignment: Sendable {
        case left
        case right
    }

    private let titles: [String]
    private let alignments: [Alignment]
    /// The width of each column so far. A later page may widen a column: a list of a million rows is not held in memory for the
    /// width of its first page.
    private var widths: [Int]
    private var hasHeading = false

    /// Makes a table without rows.
    init(_ columns: [(title: String, alignment: Alignment)]) {
        self.titles = columns.map(\.title)
        self.alignments = columns.map(\.alignment)
        self.widths = columns.map(\.title.count)
    }

    /// The lines of further rows, under the titles when they are the first.
    mutating func lines(_ rows: [[String]]) -> [String] {
        for row in rows {
            for (index, text) in row.enumerated() { self.widths[index] = max(self.widths[index], text.count) }
        }
        let heading = self.hasHeading ? [] : [self.titles]
        self.hasHeading = true
        return (heading + rows).map(self.line)
    }

    private func line(_ row: [String]) -> String {
        let cells = row.enumerated().map { index, text in
            let padding = String(repeating: " ", count: max(0, self.widths[index] - text.count))
            return self.alignments[index] == .left ? text + padding : padding + text
        }
        var line = cells.joined(separator: "  ")
        while line.last == " " { line.removeLast() }
        return line
    }

    /// Lines of names and values, the values under each other.
    static func fields(_ fields: [(name: String, value: String)]) -> [String] {
        let width = fields.map(\.name.count).max() ?? 0
        return fields.map { $0.name + String(repeating: " ", count: width - $0.name.count + 2) + $0.value }
    }
}
