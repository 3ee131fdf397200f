import RelayCore

/// The phases of a connection's life.
enum ConnectionPhase: Equatable {
    /// Both sides may send.
    case open
    /// The peer's FIN has come. Bytes before it may be unread: the relay reads them itself, as soon as no cause holds the
    /// connection back.
    case inputClosed
    /// All bytes of the peer are handled; frames in flight to it may still be acknowledged.
    case finishing
    /// The connection ends for that reason: bytes that arrived before are handled, without replies. With `readsRest: false` it
    /// violated the protocol, and bytes after the offending frame are not handled.
    case closing(CloseReason, readsRest: Bool)
    /// Nothing more is read or written.
    case closed(CloseReason)
    /// It continues, or ends, on another event loop.
    case moved

    var closeReason: CloseReason? {
        if case .closed(let reason) = self { reason } else { nil }
    }

    /// Whether no end has been decided.
    var isOpen: Bool {
        switch self {
        case .open, .inputClosed, .finishing: true
        case .closing, .closed, .moved: false
        }
    }

    /// Whether its heartbeats come too late to be answered, or to register a terminal.
    var isEnding: Bool {
        switch self {
        case .open, .inputClosed: false
        case .finishing, .closing, .closed, .moved: true
        }
    }

    /// Whether bytes from the peer are handled.
    var isReceiving: Bool {
        switch self {
        case .open, .inputClosed, .finishing, .closing(_, readsRest: true): true
        case .closing, .closed, .moved: false
        }
    }

    /// Whether its first heartbeat may send it to another event loop. A connection that the relay itself closes stays.
    var mayMove: Bool {
        switch self {
        case .open, .inputClosed, .finishing, .closing(.connectionLost, readsRest: true): true
        case .closing, .closed, .moved: false
        }
    }
}
