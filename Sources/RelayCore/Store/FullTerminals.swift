import Synchronization
import TTMSProtocol

/// Terminals without room in a store with the policy ``StoreLimits/Policy/pushBack``, readable from all threads.
///
/// A terminal is full from its cap on, in frames or bytes, until an eighth of the cap is free. The same holds for the whole store
/// and the total caps. Without this margin, senders would pause and resume with each frame.
///
/// At the cap on terminals, each terminal with an empty queue is full. The store publishes each change when it is staged. Frames
/// that are submitted and not carried out do not count yet, so they can exceed the caps.
///
/// Under the other policies nothing is full.
public final class FullTerminals: Sendable {
    private struct State {
        var policy = StoreLimits.Policy.dropOldest
        /// Terminals at a cap of their own, by CCID.
        var terminals: [UInt32: StoreLimits.Cap] = [:]
        /// Total cap that is reached.
        var all: StoreLimits.Cap?
        /// Whether the cap on terminals is reached.
        var hasNoTerminal = false
    }

    private let state = Mutex(State())
    /// Whether anything is full. Every read of a connection checks this first, and it is nearly always `false`.
    private let hasAny = Atomic(false)
    private let endings = Atomic(UInt64(0))

    /// Makes the state in which nothing is full.
    public init() {}

    /// Whether anything is full, by the work that the store's thread has carried out. Cheap enough for every read of a connection.
    @inline(__always)
    public var isAny: Bool { self.hasAny.load(ordering: .relaxed) }

    /// Number of times that something full got room again. A paused sender is checked again only after it has changed.
    public var releases: UInt64 { self.endings.load(ordering: .relaxed) }

    /// Returns the cap that leaves no room for a frame for `ccid`; `nil` when there is room.
    ///
    /// - Parameter kept: the terminals with a stored frame.
    public func cap(for ccid: CCID, kept: KeptTerminals) -> StoreLimits.Cap? {
        let (cap, hasNoTerminal) = self.state.withLock { ($0.terminals[ccid.rawValue] ?? $0.all, $0.hasNoTerminal) }
        if cap == nil, hasNoTerminal, !kept.contains(ccid) { return .terminals }
        return cap
    }

    /// Number of terminals at a cap of their own.
    public var count: Int { self.state.withLock(\.terminals.count) }

    /// Policy of the store.
    public var policy: StoreLimits.Policy { self.state.withLock(\.policy) }

    /// Begins again with new limits. The store then publishes everything that is full under them.
    package func reset(policy: StoreLimits.Policy) {
        self.state.withLock { state in
            state = State(policy: policy)
            self.publish(state)
            self.endings.add(1, ordering: .relaxed)
        }
    }

    /// Records the load of `ccid`, the load of the whole store, and the number of terminals with stored frames.
    @inline(__always)
    package func note(_ ccid: CCID, _ terminal: StoreLoad, all: StoreLoad, terminals: Int, _ limits: StoreLimits) {
        if limits.policy == .pushBack { self.update(ccid, terminal, all: all, terminals: terminals, limits) }
    }

    private func update(_ ccid: CCID, _ terminal: StoreLoad, all: StoreLoad, terminals: Int, _ limits: StoreLimits) {
        let (terminalCap, totalCap) = (limits.terminalCap(reachedBy: terminal), limits.totalCap(reachedBy: all))
        // Nothing is full, and nothing becomes full.
        let hasNoTerminal = terminals >= limits.terminals
        guard terminalCap != nil || totalCap != nil || hasNoTerminal || self.isAny else { return }
        assert(terminals >= 0 && all.frames >= terminal.frames && all.bytes >= terminal.bytes)
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
                // A single free place suffices here, because it is soon taken and a margin would delay its use.
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
