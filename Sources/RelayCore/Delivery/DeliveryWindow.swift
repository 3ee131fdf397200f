import NIOCore
import TTMSProtocol

/// What has been handed to one connection and is not acknowledged by its peer (G3).
///
/// Offsets count the bytes of the connection from its first. The window keeps no record per frame, only one per run of frames that
/// were written together for the same terminal; the bytes themselves are the connection's. Invariants:
/// 1. Runs stand in the order of their bytes, without overlap. Heartbeat replies lie between them, and belong to none.
/// 2. Of one terminal, runs that the store keeps come before those that it does not keep (``Mailbox``, invariant 2).
/// 3. A run is delivered when its last byte is acknowledged, and not before.
public struct DeliveryWindow: Sendable {
    /// Frames written together for one terminal.
    public struct Run: Equatable, Sendable {
        /// The terminal that they are for.
        public var owner: CCID
        /// Offset of the first byte.
        public var start: UInt64
        /// Offset just behind the last byte.
        public var end: UInt64
        /// How many frames they are.
        public var frames: Int
        /// When the first of them was put.
        public var since: NIODeadline
        /// When the relay read the first of them: earlier than ``since`` when they were held or were between two event loops.
        public var takenAt: NIODeadline
        /// Where else they are.
        public var copy: Copy
        /// The bytes of each frame when their length fields do not say them.
        public var sizes: [UInt16]?
    }

    /// Where else the frames of a run are.
    public enum Copy: Equatable, Sendable {
        /// Nowhere.
        case none
        /// On their way to the store: the receipt with this token will tell their ids.
        case journaling(token: UInt32)
        /// In the store, in flight. The marks' ends count from the run's start.
        case stored([StoredRun.Mark])
    }

    private var runs = CircularBuffer<Run>(initialCapacity: 0)
    /// The run that frames are being added to; its `frames` are 0 when there is none.
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

    /// Runs from the first on that are all somewhere else, too: looks for the journal begin behind them.
    private var journaledRuns = 0
    /// Where the run of the latest receipt stood: receipts come in the order of the runs as a rule.
    private var latestReceipt = 0

    /// Frames put later than this make a run of their own: what is old enough for the journal is told by a run's first frame, and
    /// its last should not be much younger.
    private var openUntil = NIODeadline.distantPast
    private static let longestRun = TimeAmount.milliseconds(1)

    /// Makes an empty window.
    public init() {}

    /// Whether everything that was handed over is delivered.
    public var isEmpty: Bool { self.open.frames == 0 && self.runs.isEmpty }

    /// Where the oldest run begins whose end is not acknowledged: its frames are found again by their bytes, from its first on.
    /// `nil` when the window is empty.
    public var start: UInt64? {
        self.runs.first?.start ?? (self.open.frames > 0 ? self.open.start : nil)
    }

    /// Frames that are not delivered.
    public var frames: Int {
        self.runs.reduce(self.open.frames) { $0 + $1.frames }
    }

    /// Frames that are not delivered, and nowhere else.
    public var unjournaledFrames: Int {
        self.runs.reduce(self.open.frames) { $0 + ($1.copy == .none ? $1.frames : 0) }
    }

    // MARK: Handing over

    /// A frame for `owner` was put behind everything else, at `offset`.
    ///
    /// - Parameter saysItsSize: the frame's length field holds `size`, so that its end can be found again.
    @inline(__always)
    public mutating func append(owner: CCID, offset: UInt64, size: Int, saysItsSize: Bool, now: NIODeadline) {
        if self.open.frames == 0 || self.open.owner != owner || self.open.end != offset || now > self.openUntil {
            self.begin(owner: owner, offset: offset, now: now)
        }
        self.extend(size: size, saysItsSize: saysItsSize)
    }

    /// A frame for `owner` that the relay read at `takenAt` was put behind everything else, at `offset`.
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
            // Frames that are read now do not join.
            self.openUntil = .distantPast
        }
        self.extend(size: size, saysItsSize: saysItsSize)
    }

    @inline(__always)
    private mutating func extend(size: Int, saysItsSize: Bool) {
        if !saysItsSize || self.open.sizes != nil { self.appendSize(size) }
        self.open.end &+= UInt64(truncatingIfNeeded: size)
        self.open.frames &+= 1
    }

    /// Frames read from the store were put behind everything else, at `offset`.
    public mutating func append(
        owner: CCID,
        offset: UInt64,
        bytes: Int,
        stored marks: [StoredRun.Mark],
        now: NIODeadline
    ) {
        guard !marks.isEmpty else { return }
        self.close()
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
        self.open.owner = owner
        self.open.start = offset
        self.open.end = offset
        self.open.since = now
        self.open.takenAt = now
        self.openUntil = now + Self.longestRun
    }

    private mutating func appendSize(_ size: Int) {
        // Frames before the first that does not say its size do say theirs; 0 stands for those.
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

    /// Takes out the runs whose last byte lies before `offset`, oldest first: they are delivered.
    ///
    /// The run that frames are being added to ends here, so that it is delivered some time even if there is always one more frame.
    public mutating func acknowledge(upTo offset: UInt64, _ delivered: (Run) -> Void) {
        while let run = self.runs.first, run.end <= offset {
            self.runs.removeFirst()
            self.journaledRuns = max(self.journaledRuns - 1, 0)
            self.latestReceipt = max(self.latestReceipt - 1, 0)
            delivered(run)
        }
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

    /// Takes out everything, or everything of one terminal, oldest first: the connection or its hold on the terminal ended.
    /// Runs of others keep their places.
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

    /// Takes out everything of certain terminals, oldest first for each. Runs of others keep their places.
    public mutating func removeAll(of owners: some Sequence<CCID>) -> [CCID: [Run]] {
        self.close()
        guard !self.runs.isEmpty else { return [:] }
        (self.journaledRuns, self.latestReceipt) = (0, 0)
        let owners = Set(owners)
        let removed = Dictionary(grouping: self.runs.filter { owners.contains($0.owner) }, by: \.owner)
        if !removed.isEmpty { self.runs.removeAll { owners.contains($0.owner) } }
        return removed
    }

    /// Bytes between the runs were taken out of the connection before they left: what stands behind them moves up.
    ///
    /// - Parameter ranges: in their order.
    public mutating func withdraw(_ ranges: [Range<UInt64>]) {
        self.close()
        var passed = ranges[...]
        var distance: UInt64 = 0
        for index in self.runs.indices {
            while let range = passed.first, range.upperBound <= self.runs[index].start {
                distance += UInt64(range.count)
                passed.removeFirst()
            }
            self.runs[index].start -= distance
            self.runs[index].end -= distance
        }
    }

    /// When the oldest run was put that is not delivered; `nil` when the window is empty.
    public var oldest: NIODeadline? {
        self.runs.first?.since ?? (self.open.frames > 0 ? self.open.since : nil)
    }

    // MARK: Journal

    /// When the oldest run was put that is nowhere else.
    public var oldestUnjournaled: NIODeadline? {
        self.firstRun(from: self.journaledRuns) { $0.copy == .none }.map { self.runs[offset: $0].since }
            ?? (self.open.frames > 0 ? self.open.since : nil)
    }

    /// Whether a run put no later than `deadline` is nowhere else.
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

    /// Marks runs that are nowhere else as on their way to the store, oldest first.
    ///
    /// - Parameters:
    ///   - owner: only this terminal's runs; `nil` for everybody's.
    ///   - deadline: only runs put no later.
    ///   - journal: appends a run's frames, and returns the token of its receipt.
    public mutating func journal(
        owner: CCID? = nil,
        since deadline: NIODeadline = .distantFuture,
        _ journal: (Run) -> UInt32
    ) {
        if self.open.since <= deadline { self.close() }
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

    /// - Returns: where the first run stands that `isWanted`, from `start` on.
    private func firstRun(from start: Int, to end: Int? = nil, where isWanted: (Run) -> Bool) -> Int? {
        var offset = start
        while offset < min(end ?? .max, self.runs.count) {
            if isWanted(self.runs[offset: offset]) { return offset }
            offset += 1
        }
        return nil
    }

    /// Where the run stands that is on its way to the store with this token.
    private mutating func place(of token: UInt32) -> Int? {
        func isWanted(_ run: Run) -> Bool { if case .journaling(token) = run.copy { true } else { false } }
        let latest = self.latestReceipt
        guard
            let place = self.firstRun(from: latest, where: isWanted) ?? self.firstRun(from: 0, to: latest, where: isWanted)
        else { return nil }
        self.latestReceipt = place
        return place
    }

    /// The receipt of a journaled run came.
    ///
    /// - Returns: `false` when the run is not in the window any more.
    public mutating func journaled(token: UInt32, marks: [StoredRun.Mark]) -> Bool {
        guard let place = self.place(of: token) else { return false }
        self.runs[offset: place].copy = .stored(marks)
        return true
    }

    /// The store did not take a journaled run: it is nowhere else again.
    public mutating func journalRefused(token: UInt32) {
        guard let place = self.place(of: token) else { return }
        self.journaledRuns = min(self.journaledRuns, place)
        self.runs[offset: place].copy = .none
    }
}

extension DeliveryWindow.Run {
    /// Finds the frames again in the run's bytes.
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
