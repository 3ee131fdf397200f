import NIOCore

/// Elements that are due in the near future, in any order: a ring of buckets, one for each turn of a coarse beat.
///
/// An event loop's timers cost a heap entry and closures each. Here an addition is an append, and one timer serves all.
struct TimerWheel<Element> {
    private var buckets: [[Element]] = Array(repeating: [], count: Self.span)
    /// Nanoseconds from one turn to the next.
    private let beat: UInt64
    /// All buckets up to and including this turn are empty.
    private var swept: Int64
    private(set) var count = 0

    /// The most elements whose room a bucket retains. A burst brings more, and all buckets would retain the room for the largest
    /// one.
    private static var kept: Int { 256 }

    /// The number of turns that the ring spans; an element that is due later is due at its end.
    static var span: Int { 32 }

    /// Makes an empty wheel.
    ///
    /// - Parameter beat: from one turn to the next; positive.
    init(now: NIODeadline, beat: TimeAmount = .milliseconds(1)) {
        self.beat = UInt64(max(beat.nanoseconds, 1))
        self.swept = Int64(clamping: now.uptimeNanoseconds / self.beat)
    }

    var isEmpty: Bool { self.count == 0 }

    private func turn(_ time: NIODeadline) -> Int64 {
        Int64(clamping: time.uptimeNanoseconds / self.beat)
    }

    private static func index(_ turn: Int64) -> Int {
        Int(truncatingIfNeeded: turn) & (Self.span - 1)
    }

    /// Adds an element that is due at `due`, or in the next turn if that has passed. It is returned within a beat after.
    mutating func add(_ element: Element, due: NIODeadline) {
        let wanted = self.turn(due) + 1
        let turn = min(max(wanted, self.swept + 1), self.swept + Int64(Self.span))
        self.buckets[Self.index(turn)].append(element)
        self.count += 1
    }

    /// Removes the elements that are due by `now`, and appends them to `due`.
    mutating func takeDue(by now: NIODeadline, into due: inout [Element]) {
        let last = self.turn(now)
        let before = due.count
        // A loop that was blocked for longer than the ring spans finds everything due.
        var turn = max(self.swept + 1, last - Int64(Self.span) + 1)
        while turn <= last {
            let index = Self.index(turn)
            if !self.buckets[index].isEmpty {
                due += self.buckets[index]
                self.buckets[index].removeAll(keepingCapacity: self.buckets[index].count <= Self.kept)
            }
            turn += 1
        }
        self.swept = max(self.swept, last)
        self.count -= due.count - before
    }

    /// The time at which the next element is due; `nil` when there is none.
    var next: NIODeadline? {
        guard self.count > 0 else { return nil }
        for offset in 1...Int64(Self.span) where !self.buckets[Self.index(self.swept + offset)].isEmpty {
            return .uptimeNanoseconds(UInt64(clamping: self.swept + offset) &* self.beat)
        }
        return nil
    }

    /// Whether all elements satisfy `predicate`.
    func allSatisfy(_ predicate: (Element) -> Bool) -> Bool {
        self.buckets.allSatisfy { $0.allSatisfy(predicate) }
    }

    /// The number of elements that fit without an allocation.
    var room: Int { self.buckets.reduce(0) { $0 + $1.capacity } }

    /// Calls `body` with all elements.
    func forEach(_ body: (Element) -> Void) {
        for bucket in self.buckets {
            for element in bucket { body(element) }
        }
    }
}
