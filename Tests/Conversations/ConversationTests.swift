import TestKit
import Testing

/// Every conversation of `Data` with a relay of its own. One after the other: many relays starting at once would starve each
/// other, and time is part of the protocol.
@Suite(.serialized)
struct ConversationTests {
    @Test("As the protocol says", arguments: try Conversation.all())
    func plays(titled: Conversation.Titled) async throws {
        let conversation = titled.conversation
        try await RelayProcess.with(
            conversation.settings ?? [:],
            listeners: conversation.listeners ?? ["127.0.0.1:0"]
        ) { relay in
            var player = Player(relay: relay)
            try await player.play(conversation.steps)
        }
    }
}
