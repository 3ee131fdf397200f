import NIOCore

/// The latest entries, bounded in number, of which each key has a share.
///
/// While there is room, all entries are retained. Then an entry whose key has more than its share replaces the oldest of that key.
/// Any other entry replaces the oldest of all.
struct SharedHistory<Key: Hashable & Sendable, Entry: Sendable>: Sendable {
    /// The divisor of the limit that gives one key's share.
    private static var shares: Int { 10 }

    private struct Stored {
        var entry: Entry
        var keys: [Key]
    }

    /// Entries of one key: their numbers, oldest first, including those of removed entries; and the number of present ones.
    private struct Share {
        var numbers = CircularBuffer<UInt64>(initialCapacity: 1)
        var count = 0
    }

    private let limit: Int
    private let share: Int
    private var next: UInt64 = 0
    private var stored: [UInt64: Stored] = [:]
    /// All numbers, oldest first, including those of removed entries.
    private var order = CircularBuffer<UInt64>(initialCapacity: 0)
    private var shares: [Key: Share] = [:]

    /// - Parameter limit: the number of entries that are retained, at least 1.
    init(limit: Int) {
        self.limit = limit
        self.share = max(limit / Self.shares, 1)
    }

    var count: Int { self.stored.count }

    var all: [Entry] { self.stored.values.map(\.entry) }

    mutating func append(_ entry: Entry, keys: [Key]) {
        if self.stored.count >= self.limit { self.makeRoom(for: keys) }
        let number = self.next
        self.next += 1
        self.stored[number] = Stored(entry: entry, keys: keys)
        self.order.append(number)
        for key in keys {
            self.shares[key, default: Share()].numbers.append(number)
            self.shares[key]?.count += 1
        }
        // Numbers of removed entries are dropped from time to time: a constant cost for each entry.
        if self.order.count > 2 * self.limit + 16 { self.order = Self.compact(self.order, self.stored) }
    }

    private mutating func makeRoom(for keys: [Key]) {
        let greedy = keys.first { (self.shares[$0]?.count ?? 0) >= self.share }
        if let greedy, let oldest = self.oldest(of: greedy) {
            self.remove(oldest)
        } else {
            while let number = self.order.popFirst() {
                guard self.stored[number] != nil else { continue }
                self.remove(number)
                return
            }
        }
    }

    private mutating func oldest(of key: Key) -> UInt64? {
        while let number = self.shares[key]?.numbers.popFirst() {
            if self.stored[number] != nil { return number }
        }
        return nil
    }

    private mutating func remove(_ number: UInt64) {
        guard let stored = self.stored.removeValue(forKey: number) else { return }
        for key in stored.keys {
            guard var share = self.shares.removeValue(forKey: key) else { continue }
            share.count -= 1
            guard share.count > 0 else { continue }
            if share.numbers.count > 2 * share.count + 16 { share.numbers = Self.compact(share.numbers, self.stored) }
            self.shares[key] = share
        }
    }

    private static func compact(_ numbers: CircularBuffer<UInt64>, _ stored: [UInt64: Stored]) -> CircularBuffer<UInt64> {
        CircularBuffer(numbers.filter { stored[$0] != nil })
    }
}
