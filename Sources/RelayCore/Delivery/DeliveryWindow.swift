import NIOCore
import TTMSProtocol

/// Bytes handed to one connection that its peer has not acknowledged (G3).
///
/// Offsets count the bytes of the connection from its first. The window has one record per run of frames, none per frame. The
/// connection owns the bytes. Invariants:
/// 1. Runs are in the order of their bytes, without overlap. Heartbeat replies lie between runs and belong to none.
/// 2. Of one terminal, runs that the store has come before those that it does not have (``Mailbox``, invariant 2).
/// 3. A run is delivered when its last byte is acknowledged, and not before.
public struct DeliveryWindow: Sendable {
    /// Frames written together for one terminal.
    public struct Run: Equatable, Sendable {
        /// Destination of the frames.
        public var owner: CCID
        /// Offset of the first byte.
        public var start: UInt64
        /// Offset after the last byte.
        public var end: UInt64
        /// Number of frames, at least 1.
        public var frames: Int
        /// Time at which the first frame was put on the connection.
        public var since: NIODeadline
        /// Time at which the relay read the first frame. Earlier than ``since`` when the frames were held or handed over between
        /// event loops.
        public var takenAt: NIODeadline
        /// Copy of the frames outside the connection.
        public var copy: Copy
        /// Bytes of each frame, for runs in which a length field does not give them.
        public var sizes: [UInt16]?
    }

    /// Copy of a run's frames outside the connection.
    public enum Copy: Equatable, Sendable {
        /// None: the frames are on the connection only.
        case none
        /// Being journaled: the receipt with this token brings their ids.
        case journaling(token: UInt32)
        /// In the store, in flight. The marks' ends count from the run's start.
        case stored([StoredRun.Mark])
    }

    private var runs = CircularBuffer<Run>(initialCapacity: 0)
    /// Run that frames are being added to; its `frames` are 0 when there is none.
    private var open = Run(
        owner: CCID(rawValue: 0),
        start: 0,
        end: 0,
        frames: 0,
        since: .distantPast,
        takenAt: .distantPast,
        copy: .none,
        sizes: nil
    )

    /// Number of leading runs that all have a copy. The search for runs to journal starts after them.
    private var journaledRuns = 0
    /// Index of the latest receipt's run. Receipts usually arrive in the order of the runs.
    private var latestReceipt = 0

    /// End of the time in which frames join the open run. The journal goes by the age of a run's first frame, so the last must not
    /// be much younger.
    private var openUntil = NIODeadline.distantPast
    private static let longestRun = TimeAmount.milliseconds(1)

    /// Makes an empty window.
    public init() {}

    /// Whether everything handed to the connection is delivered.
    public var isEmpty: Bool { self.open.frames == 0 && self.runs.isEmpty }

    /// Offset of the oldest run whose end is not acknowledged; `nil` when the window is empty. Its frames are found by their bytes,
    /// from its first on.
    public var start: UInt64? {
        self.runs.first?.start ?? (self.open.frames > 0 ? self.open.start : nil)
    }

    /// Number of frames that are not delivered.
    public var frames: Int {
        self.runs.reduce(self.open.frames) { $0 + $1.frames }
    }

    /// Number of frames that are not delivered and have no copy.
    public var unjournaledFrames: Int {
        self.runs.reduce(self.open.frames) { $0 + ($1.copy == .none ? $1.frames : 0) }
    }

    // MARK: Handing over

    /// Records that a frame for `owner` was put on the connection at `offset`, after everything else.
    ///
    /// - Parameter saysItsSize: whether the frame's length field holds `size`, so that its end can be found by its bytes.
    @inline(__always)
    public mutating func append(owner: CCID, offset: UInt64, size: Int, saysItsSize: Bool, now: NIODeadline) {
        if self.open.frames == 0 || self.open.owner != owner || self.open.end != offset || now > self.openUntil {
            self.begin(owner: owner, offset: offset, now: now)
        }
        self.extend(size: size, saysItsSize: saysItsSize)
    }

    /// Records that a frame for `owner`, which the relay read at `takenAt`, was put on the connection at `offset`, after everything
    /// else.
    public mutating func append(
        owner: CCID,
        offset: UInt64,
        size: Int,
        saysItsSize: Bool,
        now: NIODeadline,
        takenAt: NIODeadline
    ) {
        guard takenAt + Self.longestRun < now else {
            return self.append(owner: owner, offset: offset, size: size, saysItsSize: saysItsSize, now: now)
        }
        let isNext = self.open.frames > 0 && self.open.owner == owner && self.open.end == offset && self.open.since == now
        if !isNext || takenAt < self.open.takenAt || takenAt > self.open.takenAt + Self.longestRun {
            self.begin(owner: owner, offset: offset, now: now)
            self.open.takenAt = takenAt
            // Frames that are read now do not join the run.
            self.openUntil = .distantPast
        }
        self.extend(size: size, saysItsSize: saysItsSize)
    }

    @inline(__always)
    private mutating func extend(size: Int, saysItsSize: Bool) {
        if !saysItsSize || self.open.sizes != nil { self.appendSize(size) }
        self.open.end &+= UInt64(truncatingIfNeeded: size)
        self.open.frames &+= 1
        assert(self.open.sizes.map { $0.count == self.open.frames } ?? true, "one size per frame")
    }

    /// Records that frames read from the store were put on the connection at `offset`, after everything else.
    public mutating func append(
        owner: CCID,
        offset: UInt64,
        bytes: Int,
        stored marks: [StoredRun.Mark],
        now: NIODeadline
    ) {
        guard !marks.isEmpty else { return }
        assert(marks.last?.end == bytes, "the last mark is the run's end")
        assert(zip(marks, marks.dropFirst()).allSatisfy { $0.end < $1.end }, "marks out of order")
        self.close()
        assert(self.runs.last.map { $0.end <= offset } ?? true, "runs that overlap")
        self.runs.append(
            Run(
                owner: owner,
                start: offset,
                end: offset + UInt64(bytes),
                frames: marks.count,
                since: now,
                takenAt: now,
                copy: .stored(marks),
                sizes: nil
            )
        )
    }

    private mutating func begin(owner: CCID, offset: UInt64, now: NIODeadline) {
        self.close()
        assert(self.runs.last.map { $0.end <= offset } ?? true, "runs that overlap")
        self.open.owner = owner
        self.open.start = offset
        self.open.end = offset
        self.open.since = now
        self.open.takenAt = now
        self.openUntil = now + Self.longestRun
    }

    private mutating func appendSize(_ size: Int) {
        // All frames before the first without its size have theirs in the length field; 0 stands for those.
        if self.open.sizes == nil { self.open.sizes = Array(repeating: 0, count: self.open.frames) }
        self.open.sizes?.append(UInt16(truncatingIfNeeded: size))
    }

    private mutating func close() {
        guard self.open.frames > 0 else { return }
        self.runs.append(self.open)
        self.open.frames = 0
        self.open.sizes = nil
    }

    // MARK: Acknowledgement

    /// Removes the runs whose last byte lies before `offset`, oldest first: they are delivered.
    ///
    /// The open run ends here. Otherwise a run to which frames are always added would never be delivered.
    public mutating func acknowledge(upTo offset: UInt64, _ delivered: (Run) -> Void) {
        while let run = self.runs.first, run.end <= offset {
            assert(run.frames > 0 && run.start < run.end, "a run without frames")
            self.runs.removeFirst()
            self.journaledRuns = max(self.journaledRuns - 1, 0)
            self.latestReceipt = max(self.latestReceipt - 1, 0)
            delivered(run)
        }
        assert(self.journaledRuns <= self.runs.count && self.latestReceipt <= self.runs.count)
        guard self.open.frames > 0 else { return }
        if self.runs.isEmpty, self.open.end <= offset {
            let run = self.open
            self.open.frames = 0
            self.open.sizes = nil
            delivered(run)
        } else {
            self.close()
        }
    }

    /// Removes all runs, or those of one terminal, oldest first, when the connection or the registration has ended. Other runs do
    /// not change.
    public mutating func removeAll(of owner: CCID? = nil) -> [Run] {
        self.close()
        (self.journaledRuns, self.latestReceipt) = (0, 0)
        guard let owner else {
            defer { self.runs.removeAll() }
            return Array(self.runs)
        }
        let removed = self.runs.filter { $0.owner == owner }
        self.runs.removeAll { $0.owner == owner }
        return Array(removed)
    }

    /// Removes the runs of certain terminals, oldest first for each. Other runs do not change.
    public mutating func removeAll(of owners: some Sequence<CCID>) -> [CCID: [Run]] {
        self.close()
        guard !self.runs.isEmpty else { return [:] }
        (self.journaledRuns, self.latestReceipt) = (0, 0)
        let owners = Set(owners)
        let removed = Dictionary(grouping: self.runs.filter { owners.contains($0.owner) }, by: \.owner)
        if !removed.isEmpty { self.runs.removeAll { owners.contains($0.owner) } }
        return removed
    }

    /// Records that bytes between the runs were removed from the connection before they were sent. Later runs move up by as many
    /// bytes.
    ///
    /// - Parameter ranges: the removed bytes, in ascending order, without overlap.
    public mutating func withdraw(_ ranges: [Range<UInt64>]) {
        self.close()
        assert(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }, "ranges out of order")
        var passed = ranges[...]
        var distance: UInt64 = 0
        for index in self.runs.indices {
            while let range = passed.first, range.upperBound <= self.runs[index].start {
                distance += UInt64(range.count)
                passed.removeFirst()
            }
            assert(distance <= self.runs[index].start, "more bytes were removed than were put before the run")
            self.runs[index].start -= distance
            self.runs[index].end -= distance
        }
    }

    /// Time at which the oldest undelivered run was put; `nil` when the window is empty.
    public var oldest: NIODeadline? {
        self.runs.first?.since ?? (self.open.frames > 0 ? self.open.since : nil)
    }

    // MARK: Journal

    /// Time at which the oldest run without a copy was put; `nil` when there is none.
    public var oldestUnjournaled: NIODeadline? {
        self.firstRun(from: self.journaledRuns) { $0.copy == .none }.map { self.runs[offset: $0].since }
            ?? (self.open.frames > 0 ? self.open.since : nil)
    }

    /// Whether a run put no later than `deadline` has no copy.
    public func hasUnjournaled(since deadline: NIODeadline) -> Bool {
        if self.open.frames > 0, self.open.since <= deadline { return true }
        return self.firstRun(from: self.journaledRuns) { $0.copy == .none && $0.since <= deadline } != nil
    }

    /// Whether a run put no later than `deadline` is not known to be on disk.
    public func hasUnsafe(since deadline: NIODeadline) -> Bool {
        if self.open.frames > 0, self.open.since <= deadline { return true }
        return self.runs.contains { run in
            if case .stored = run.copy { return false }
            return run.since <= deadline
        }
    }

    /// Marks runs without a copy as being journaled, oldest first.
    ///
    /// - Parameters:
    ///   - owner: restricts it to this terminal's runs; `nil` for those of all terminals.
    ///   - deadline: restricts it to runs put no later.
    ///   - journal: appends a run's frames and returns the token of its receipt.
    public mutating func journal(
        owner: CCID? = nil,
        since deadline: NIODeadline = .distantFuture,
        _ journal: (Run) -> UInt32
    ) {
        if self.open.since <= deadline { self.close() }
        assert(self.journaledRuns <= self.runs.count)
        var isPrefix = true
        for offset in min(self.journaledRuns, self.runs.count)..<self.runs.count {
            if self.runs[offset: offset].copy == .none {
                let run = self.runs[offset: offset]
                guard run.since <= deadline, owner == nil || run.owner == owner else {
                    isPrefix = false
                    continue
                }
                self.runs[offset: offset].copy = .journaling(token: journal(run))
            }
            if isPrefix { self.journaledRuns = offset + 1 }
        }
    }

    /// - Returns: the index of the first run at or after `start` for which `isWanted` holds.
    private func firstRun(from start: Int, to end: Int? = nil, where isWanted: (Run) -> Bool) -> Int? {
        var offset = start
        while offset < min(end ?? .max, self.runs.count) {
            if isWanted(self.runs[offset: offset]) { return offset }
            offset += 1
        }
        return nil
    }

    /// Returns the index of the run that is being journaled with this token.
    private mutating func place(of token: UInt32) -> Int? {
        func isWanted(_ run: Run) -> Bool { if case .journaling(token) = run.copy { true } else { false } }
        let latest = self.latestReceipt
        guard
            let place = self.firstRun(from: latest, where: isWanted) ?? self.firstRun(from: 0, to: latest, where: isWanted)
        else { return nil }
        self.latestReceipt = place
        return place
    }

    /// Records the receipt of a journaled run.
    ///
    /// - Returns: `false` when the run is no longer in the window.
    public mutating func journaled(token: UInt32, marks: [StoredRun.Mark]) -> Bool {
        guard let place = self.place(of: token) else { return false }
        assert(marks.count == self.runs[offset: place].frames, "one id per journaled frame")
        self.runs[offset: place].copy = .stored(marks)
        return true
    }

    /// Records that the store refused a journaled run, which then has no copy.
    public mutating func journalRefused(token: UInt32) {
        guard let place = self.place(of: token) else { return }
        self.journaledRuns = min(self.journaledRuns, place)
        self.runs[offset: place].copy = .none
    }
}

extension DeliveryWindow.Run {
    /// Finds the frames in the run's bytes.
    ///
    /// - Parameter bytes: the bytes from ``start`` to ``end``.
    /// - Returns: the size of each frame, in order; fewer than ``frames`` when the bytes are not what was written.
    public func frameSizes(in bytes: UnsafeRawBufferPointer) -> [Int] {
        if case .stored(let marks) = self.copy {
            var start = 0
            return marks.map { mark in
                defer { start = mark.end }
                return mark.end - start
            }
        }
        var result: [Int] = []
        result.reserveCapacity(self.frames)
        var offset = 0
        while result.count < self.frames, offset + Frame.minimumSize <= bytes.count {
            var size = 0
            if let sizes = self.sizes, sizes.indices.contains(result.count) { size = Int(sizes[result.count]) }
            if size == 0 {
                let field = bytes.loadUnaligned(fromByteOffset: offset + Frame.lengthOffset, as: UInt16.self)
                size = Int(UInt16(bigEndian: field))
            }
            guard size >= Frame.minimumSize, offset + size <= bytes.count else { break }
            result.append(size)
            offset += size
        }
        return result
    }
}
