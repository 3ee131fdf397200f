import RelayCore
import Testing

@testable import RelayServer

/// What each phase of a connection allows.
struct ConnectionPhaseTests {
    /// A phase, and what it allows.
    struct Row: Sendable, CustomTestStringConvertible {
        var phase: ConnectionPhase
        var isOpen: Bool
        var answersHeartbeats: Bool
        var handlesBytes: Bool
        var mayMove: Bool
        var reason: CloseReason?
        var testDescription: String { "\(self.phase)" }
    }

    static let rows = [
        Row(phase: .open, isOpen: true, answersHeartbeats: true, handlesBytes: true, mayMove: true),
        Row(phase: .inputClosed, isOpen: true, answersHeartbeats: true, handlesBytes: true, mayMove: true),
        Row(phase: .finishing, isOpen: true, answersHeartbeats: false, handlesBytes: true, mayMove: true),
        Row(
            phase: .closing(.connectionLost, readsRest: true),
            isOpen: false,
            answersHeartbeats: false,
            handlesBytes: true,
            mayMove: true
        ),
        Row(
            phase: .closing(.superseded, readsRest: true),
            isOpen: false,
            answersHeartbeats: false,
            handlesBytes: true,
            mayMove: false
        ),
        Row(
            phase: .closing(.badHeader, readsRest: false),
            isOpen: false,
            answersHeartbeats: false,
            handlesBytes: false,
            mayMove: false
        ),
        Row(
            phase: .closed(.kicked),
            isOpen: false,
            answersHeartbeats: false,
            handlesBytes: false,
            mayMove: false,
            reason: .kicked
        ),
        Row(phase: .moved, isOpen: false, answersHeartbeats: false, handlesBytes: false, mayMove: false),
    ]

    @Test("Given a phase, then it allows what the table says", arguments: rows)
    func phase(row: Row) {
        #expect(row.phase.isOpen == row.isOpen)
        #expect(!row.phase.isEnding == row.answersHeartbeats)
        #expect(row.phase.isReceiving == row.handlesBytes)
        #expect(row.phase.mayMove == row.mayMove)
        #expect(row.phase.closeReason == row.reason)
    }
}
