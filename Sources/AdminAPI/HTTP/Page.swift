/// One page of a list.
public struct Page<Item: Codable & Sendable & Equatable>: Codable, Equatable, Sendable {
    /// The items, in the list's order.
    public var data: [Item]
    /// The page's limit, and the cursor of the next one.
    public var meta: PageMeta

    /// Makes a page.
    public init(data: [Item], limit: Int, nextCursor: String?) {
        self.data = data
        self.meta = PageMeta(limit: limit, nextCursor: nextCursor)
    }
}

/// The limit of a page, and the cursor of the next one.
public struct PageMeta: Codable, Equatable, Sendable {
    /// The most items on a page, 1...1000; 100 unless the request sets it.
    public var limit: Int
    /// The value of `cursor` for the next page; `nil` on the last one.
    @Nullable public var nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case limit
        case nextCursor = "next_cursor"
    }

    /// Makes the metadata of a page.
    public init(limit: Int, nextCursor: String?) {
        self.limit = limit
        self.nextCursor = nextCursor
    }
}

/// A list that is always complete.
public struct List<Item: Codable & Sendable & Equatable>: Codable, Equatable, Sendable {
    /// The items.
    public var data: [Item]

    /// Makes a list.
    public init(data: [Item]) {
        self.data = data
    }
}

extension Page: JSONWritable where Item: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.data, self.data)
            json.member(CodingKeys.meta, self.meta)
        }
    }
}

extension PageMeta: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.limit, self.limit)
            json.member(CodingKeys.nextCursor, self._nextCursor)
        }
    }
}
