/// The state of a message.
///
/// A message that was requeued because its connection ended may have arrived, whatever its next state is.
public enum MessageState: String, Codable, JSONWritable, CaseIterable, Sendable {
    /// The relay has accepted it.
    case accepted
    /// It is on disk, and waits for its terminal.
    case queued
    /// It has been written to its terminal's connection.
    case inFlight = "in_flight"
    /// Its terminal's kernel has acknowledged it.
    case acknowledged
    /// A heartbeat has come after that on the same connection.
    case confirmed
    /// Its time to live ended while it was queued.
    case expired
    /// An operator deleted it while it was queued.
    case deleted
    /// It was removed at a cap of the queue as the oldest.
    case evicted
}

/// One change of a message's state.
public struct MessageEvent: Codable, Equatable, Sendable {
    /// The new state.
    public var state: MessageState
    /// The time of the change.
    public var at: String

    /// Makes an event.
    public init(state: MessageState, at: String) {
        self.state = state
        self.at = at
    }
}

extension MessageEvent: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.at, self.at)
            json.member(CodingKeys.state, self.state)
        }
    }
}
