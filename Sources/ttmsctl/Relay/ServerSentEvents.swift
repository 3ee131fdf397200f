/// One Server-Sent Event, or a heartbeat in its place.
struct ServerSentEvent: Equatable, Sendable {
    /// The id from which a later connection continues; `nil` when the event has none.
    var id: String?
    /// The data; `nil` when the event has none, as in heartbeats.
    var data: String?
}

/// Parses Server-Sent Events from bytes that arrive in pieces.
///
/// Supports the part of the format that the relay writes: lines end with a line feed, and each event has at most one line of
/// data.
struct ServerSentEvents {
    private var line: [UInt8] = []
    private var event = ServerSentEvent()

    /// Bytes of one line at most: a server that is no relay must not fill the memory.
    private static let longestLine = 1 << 20

    /// Whether a line was longer than any of a relay; the bytes after it are no events.
    private(set) var isOverlong = false

    /// Takes a piece.
    ///
    /// - Returns: the events that it completes.
    mutating func take(_ bytes: some Sequence<UInt8>) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                if self.line.count < Self.longestLine { self.line.append(byte) } else { self.isOverlong = true }
                continue
            }
            if self.line.isEmpty {
                events.append(self.event)
                self.event = ServerSentEvent()
            } else {
                self.takeLine(String(decoding: self.line, as: UTF8.self))
                self.line = []
            }
        }
        return events
    }

    private mutating func takeLine(_ line: String) {
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let value = parts.count > 1 ? String(parts[1].hasPrefix(" ") ? parts[1].dropFirst() : parts[1]) : ""
        switch parts[0] {
        case "id": self.event.id = value
        case "data": self.event.data = value
        default: break
        }
    }
}
