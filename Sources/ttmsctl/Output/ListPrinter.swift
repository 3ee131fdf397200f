/// Prints a list that comes in pages: a table, or a JSON array.
struct ListPrinter<Item: Encodable> {
    private let format: OutputFormat
    private let row: (Item) -> [String]
    private var table: Table
    private var isFirst = true

    /// Makes a printer whose table has `columns`, which `row` fills from an item.
    init(_ format: OutputFormat, columns: [(title: String, alignment: Table.Alignment)], row: @escaping (Item) -> [String]) {
        self.format = format
        self.row = row
        self.table = Table(columns)
    }

    /// Prints a page.
    mutating func print(_ items: [Item]) throws(Failure) {
        switch self.format {
        case .table:
            for line in self.table.lines(items.map(self.row)) { Console.write(line) }
        case .json:
            for item in items {
                try Console.write(json: item, after: self.isFirst ? "[" : ",")
                self.isFirst = false
            }
        }
    }

    /// Prints the end of the list, after the last page.
    func finish() {
        guard self.format == .json else { return }
        Console.write(self.isFirst ? "[]" : "]")
    }
}

extension AdminClient {
    /// Prints the list at `path`, each page as it arrives.
    ///
    /// - Parameter limit: the largest number of items; `nil` for all.
    func list<Item: Codable & Sendable & Equatable>(
        _ path: String,
        query: [String: String] = [:],
        limit: Int? = nil,
        to printer: ListPrinter<Item>
    ) async throws(Failure) {
        var printer = printer
        try await self.list(Item.self, path, query: query, limit: limit) { (page: [Item]) throws(Failure) in
            try printer.print(page)
        }
        printer.finish()
    }
}
