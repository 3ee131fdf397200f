/// The causes for which a connection is not read from.
struct PauseReasons: OptionSet {
    let rawValue: UInt8

    /// The store is behind with this connection's frames.
    static let store = PauseReasons(rawValue: 1)
    /// The peer does not read the replies to its heartbeats.
    static let replies = PauseReasons(rawValue: 2)
    /// A heartbeat's receipt is due.
    static let receipt = PauseReasons(rawValue: 4)
    /// The relay is stopping.
    static let stop = PauseReasons(rawValue: 8)
    /// One read brought more heartbeats than one turn of the event loop handles.
    static let turn = PauseReasons(rawValue: 16)
    /// The store has no room for the next frame on it.
    static let full = PauseReasons(rawValue: 32)
    /// Its heartbeat would take over a terminal that was taken over too often recently.
    static let takeover = PauseReasons(rawValue: 64)

    /// Whether the relay itself is a cause, and not only replies that the peer does not read.
    var isOfRelay: Bool { !self.subtracting(.replies).isEmpty }
}
