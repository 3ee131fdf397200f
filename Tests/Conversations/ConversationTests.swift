import TestKit
import Testing

/// Every conversation of `Data` with a relay of its own. One after the other: many relays starting at once would starve each
/// other, and time is part of the protocol.
@Suite(.serialized)
struct ConversationTests {
    @Test("As the protocol says", arguments: try Conversation.all())
    func plays(titled: Conversation.Titled) async throws {
        let conversation = titled.conversation
        var attempts = conversation.lateness == nil ? 1 : 20
        while attempts > 0 {
            attempts -= 1
            let failure: Player.Failure? = try await RelayProcess.with(
                conversation.settings ?? [:],
                listeners: conversation.listeners ?? ["127.0.0.1:0"]
            ) { relay in
                var player = Player(relay: relay)
                do {
                    try await player.play(conversation.steps)
                    return nil
                } catch let failure as Player.Failure where failure.isLate(by: conversation.lateness) && attempts > 0 {
                    return failure
                }
            }
            if failure == nil { return }
        }
    }
}
