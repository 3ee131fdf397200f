import Foundation

/// Results as Markdown, and the page that holds them between two marks.
enum ResultPage {
    /// The marks before and after the results, each alone on a line.
    static let marks = (begin: "<!-- Made by `make bench-page`. -->", end: "<!-- The end of what is made. -->")

    /// The results of all scenarios.
    static func markdown(_ file: ResultFile) -> String {
        let load = String(format: "%.1f", file.loadBefore)
        var lines = [
            "Measured \(file.date) on \(file.machine), load average before it \(load), by `\(file.command)`.", "",
        ]
        var names: [String] = []
        for result in file.results where !names.contains(result.scenario.name) { names.append(result.scenario.name) }
        for name in names {
            let own = file.results.filter { $0.scenario.name == name }
            lines += ["### \(ResultTable.heading(own))", ""]
            let rows = own.flatMap { ResultTable.rows($0) }
            if !rows.isEmpty {
                lines.append("| \(ResultTable.titles.joined(separator: " | ")) |")
                lines.append("|" + ResultTable.titles.indices.map { $0 < 2 ? "---|" : "---:|" }.joined())
                lines += rows.map { "| \($0.joined(separator: " | ")) |" } + [""]
            }
            lines += ResultTable.remarks(own).map { "- " + $0 }
            lines.append("")
        }
        return lines.joined(separator: "\n")
    }

    /// Replaces the text between the marks in a page.
    ///
    /// - Throws: ``LoadFailure`` when the page has no marks.
    static func replace(in path: String, with file: ResultFile) throws {
        let page = try String(contentsOfFile: path, encoding: .utf8)
        guard let begin = page.range(of: self.marks.begin + "\n"),
            let end = page.range(of: self.marks.end, range: begin.upperBound..<page.endIndex)
        else {
            throw LoadFailure("\(path) has no place for results: \(self.marks.begin) and \(self.marks.end), each on a line.")
        }
        let text = page[..<begin.upperBound] + "\n" + self.markdown(file) + page[end.lowerBound...]
        try Data(text.utf8).write(to: URL(filePath: path))
    }
}
