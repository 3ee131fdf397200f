/// One page of a list, with the position of the next one.
public struct ListPage<Item: Sendable>: Sendable {
    /// The items, in the list's order.
    public var items: [Item]
    /// Value of `after` for the next page; `nil` on the last one.
    public var next: ListPosition?

    /// Makes a page.
    public init(items: [Item], next: ListPosition?) {
        self.items = items
        self.next = next
    }
}

extension ListPage: Equatable where Item: Equatable {}

/// Position of an item in a sorted list: the value that the list is sorted by and, among equals, the item's number.
///
/// It stays valid when items are added or removed, even the item that it was taken from.
public struct ListPosition: Hashable, Comparable, Sendable {
    /// Value that the list is sorted by; 0 where that is the item's number.
    public var key: Int64
    /// Number of the item.
    public var id: UInt64

    /// Makes a position.
    public init(key: Int64 = 0, id: UInt64) {
        self.key = key
        self.id = id
    }

    /// Compares by value, then by number.
    public static func < (left: ListPosition, right: ListPosition) -> Bool {
        (left.key, left.id) < (right.key, right.id)
    }
}

extension ListPosition: LosslessStringConvertible {
    /// Parses the text of ``description``.
    public init?(_ description: String) {
        let parts = description.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let key = Int64(parts[0]), let id = UInt64(parts[1]) else { return nil }
        self.init(key: key, id: id)
        // One position has one text.
        guard self.description == description else { return nil }
    }

    /// Text of both numbers in decimal, such as `12.42`.
    public var description: String { "\(self.key).\(self.id)" }
}
