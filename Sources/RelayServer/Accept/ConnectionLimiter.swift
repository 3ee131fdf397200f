import Synchronization

/// Counts open connections over all event loops, against a maximum.
final class ConnectionLimiter: Sendable {
    private let open = Atomic<Int>(0)
    private let nextID = Atomic<UInt64>(1)
    private let nextRegistration = Atomic<UInt64>(1)
    private let hasFiles = Atomic<Bool>(true)
    let maximum: Int
    /// Whether the maximum comes from the limit of open files, and not from the operator.
    let isByFiles: Bool

    /// - Parameter files: connections for which there are files; `nil` when that is not known.
    init(maximum: Int, files: Int? = nil) {
        self.isByFiles = files.map { $0 < maximum } ?? false
        self.maximum = min(maximum, files ?? maximum)
    }

    /// Whether the next connection would be refused, or has to wait for a file.
    var isFull: Bool { self.count >= self.maximum || !self.hasFiles.load(ordering: .relaxed) }

    /// Whether the acceptor has found enough files for another connection.
    func noteFiles(_ areThere: Bool) { self.hasFiles.store(areThere, ordering: .relaxed) }

    /// The reason for which no connection is accepted at the maximum, and the remedy.
    var advice: String {
        self.isByFiles
            ? "\(self.maximum) connections may be open, since the limit of open files leaves room for no more. The next one is closed at "
                + "once. Raise the limit (LimitNOFILE, ulimit -n)."
            : "\(self.maximum) connections may be open (maximum_connections). The next one is closed at once. Raise the limit, or check which "
                + "peers hold them."
    }

    /// Connections open now.
    var count: Int { self.open.load(ordering: .relaxed) }

    /// Counts a connection that was accepted.
    ///
    /// - Returns: `false` when it exceeds the maximum; it is counted until ``leave()`` in any case.
    func enter() -> Bool {
        self.open.wrappingAdd(1, ordering: .relaxed).newValue <= self.maximum
    }

    /// Records that a connection has ended.
    func leave() {
        self.open.wrappingSubtract(1, ordering: .relaxed)
    }

    /// A number for a registration: higher for the later one, on whichever event loop.
    func makeRegistration() -> UInt64 {
        self.nextRegistration.wrappingAdd(1, ordering: .relaxed).oldValue
    }

    /// A number for a connection, unique in this process.
    func makeID() -> UInt64 {
        self.nextID.wrappingAdd(1, ordering: .relaxed).oldValue
    }
}
