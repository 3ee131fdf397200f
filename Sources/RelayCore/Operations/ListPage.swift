/// One page of a list, and where the next one begins.
public struct ListPage<Item: Sendable>: Sendable {
    /// The items, in the list's order.
    public var items: [Item]
    /// What to pass as `after` for the next page; `nil` on the last one.
    public var next: ListPosition?

    /// Makes a page.
    public init(items: [Item], next: ListPosition?) {
        self.items = items
        self.next = next
    }
}

extension ListPage: Equatable where Item: Equatable {}

/// Where an item stands in a sorted list: by the value that the list is sorted by, and, among equals, by its own number.
///
/// It stays a place in the list when items come and go, and when the item that it was taken from has gone.
public struct ListPosition: Hashable, Comparable, Sendable {
    /// The value that the list is sorted by; 0 where that is the item's number.
    public var key: Int64
    /// The item's number.
    public var id: UInt64

    /// Makes a position.
    public init(key: Int64 = 0, id: UInt64) {
        self.key = key
        self.id = id
    }

    /// By value, then by number.
    public static func < (left: ListPosition, right: ListPosition) -> Bool {
        (left.key, left.id) < (right.key, right.id)
    }
}

extension ListPosition: LosslessStringConvertible {
    /// Reads what ``description`` writes.
    public init?(_ description: String) {
        let parts = description.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let key = Int64(parts[0]), let id = UInt64(parts[1]) else { return nil }
        self.init(key: key, id: id)
        // One position has one text.
        guard self.description == description else { return nil }
    }

    /// Both numbers in decimal, such as `12.42`.
    public var description: String { "\(self.key).\(self.id)" }
}
