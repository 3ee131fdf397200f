import Synchronization
import TTMSProtocol

/// What has no room in a store whose policy is ``StoreLimits/Policy/pushBack``, known to all threads.
///
/// A terminal is full from its cap on, in frames or bytes, until an eighth of the cap is free, and so is the store with the caps
/// over all: senders that stop and go on with each single frame would cost more than their frames. With the cap on terminals those
/// are full for which nothing is kept, while something is kept for so many others. The store tells of each change
/// when it is staged. What it has not carried out yet is not seen here, so the caps are passed by what is submitted meanwhile.
///
/// Under the other policies nothing is ever full.
public final class FullTerminals: Sendable {
    private struct State {
        var policy = StoreLimits.Policy.dropOldest
        /// Terminals at a cap of their own, and which.
        var terminals: [UInt32: StoreLimits.Cap] = [:]
        /// The cap over all that is reached.
        var all: StoreLimits.Cap?
        /// There is no room for the first frame of another terminal.
        var hasNoTerminal = false
    }

    private let state = Mutex(State())
    /// Whether anything is full. Every read of a connection asks, and nearly always this is the answer.
    private let hasAny = Atomic(false)
    private let endings = Atomic(UInt64(0))

    /// Nothing is full.
    public init() {}

    /// Whether anything is full, as far as the store's thread has come; cheap enough for every read of a connection.
    @inline(__always)
    public var isAny: Bool { self.hasAny.load(ordering: .relaxed) }

    /// How often something that was full has got room again: who waits for room need not look before this changes.
    public var releases: UInt64 { self.endings.load(ordering: .relaxed) }

    /// Why there is no room for a frame for `ccid`; `nil` when there is.
    ///
    /// - Parameter kept: the terminals for which there is a frame already.
    public func cap(for ccid: CCID, kept: KeptTerminals) -> StoreLimits.Cap? {
        let (cap, hasNoTerminal) = self.state.withLock { ($0.terminals[ccid.rawValue] ?? $0.all, $0.hasNoTerminal) }
        if cap == nil, hasNoTerminal, !kept.contains(ccid) { return .terminals }
        return cap
    }

    /// Terminals at a cap of their own.
    public var count: Int { self.state.withLock(\.terminals.count) }

    /// What gives way at a cap.
    public var policy: StoreLimits.Policy { self.state.withLock(\.policy) }

    /// The store has other limits: from here on it tells anew of all that is full.
    package func reset(policy: StoreLimits.Policy) {
        self.state.withLock { state in
            state = State(policy: policy)
            self.publish(state)
            self.endings.add(1, ordering: .relaxed)
        }
    }

    /// The store keeps `terminal` for `ccid`, and `all` for as many terminals as `terminals` says.
    @inline(__always)
    package func note(_ ccid: CCID, _ terminal: StoreLoad, all: StoreLoad, terminals: Int, _ limits: StoreLimits) {
        if limits.policy == .pushBack { self.update(ccid, terminal, all: all, terminals: terminals, limits) }
    }

    private func update(_ ccid: CCID, _ terminal: StoreLoad, all: StoreLoad, terminals: Int, _ limits: StoreLimits) {
        let (terminalCap, totalCap) = (limits.terminalCap(reachedBy: terminal), limits.totalCap(reachedBy: all))
        // Nothing is full, and nothing becomes so.
        let hasNoTerminal = terminals >= limits.terminals
        guard terminalCap != nil || totalCap != nil || hasNoTerminal || self.isAny else { return }
        self.state.withLock { state in
            if let terminalCap {
                state.terminals[ccid.rawValue] = terminalCap
            } else if limits.terminalHasRoomAgain(terminal), state.terminals.removeValue(forKey: ccid.rawValue) != nil {
                self.endings.add(1, ordering: .relaxed)
            }
            if let totalCap {
                state.all = totalCap
            } else if state.all != nil, limits.hasRoomAgain(all) {
                state.all = nil
                self.endings.add(1, ordering: .relaxed)
            }
            if state.hasNoTerminal != hasNoTerminal {
                state.hasNoTerminal = hasNoTerminal
                // One terminal less is room for one, and soon taken: what waits for it need not wait for more.
                if !hasNoTerminal { self.endings.add(1, ordering: .relaxed) }
            }
            self.publish(state)
        }
    }

    private func publish(_ state: State) {
        self.hasAny.store(state.all != nil || state.hasNoTerminal || !state.terminals.isEmpty, ordering: .relaxed)
    }
}

extension StoreLimits {
    fileprivate func terminalCap(reachedBy load: StoreLoad) -> Cap? {
        if load.frames >= self.terminalFrames { return .terminalFrames }
        return load.bytes >= self.terminalBytes ? .terminalBytes : nil
    }

    fileprivate func totalCap(reachedBy load: StoreLoad) -> Cap? {
        if load.frames >= self.totalFrames { return .totalFrames }
        return load.bytes >= self.totalBytes ? .totalBytes : nil
    }

    fileprivate func terminalHasRoomAgain(_ load: StoreLoad) -> Bool {
        Self.hasRoomAgain(load.frames, cap: self.terminalFrames) && Self.hasRoomAgain(load.bytes, cap: self.terminalBytes)
    }

    fileprivate func hasRoomAgain(_ load: StoreLoad) -> Bool {
        Self.hasRoomAgain(load.frames, cap: self.totalFrames) && Self.hasRoomAgain(load.bytes, cap: self.totalBytes)
    }

    private static func hasRoomAgain(_ used: Int, cap: Int) -> Bool { used <= cap - max(cap / 8, 1) }
}
