import Logging
import RelayCore
import RelayServer
import RelayStorage
import TTMSProtocol
import Testing

@testable import ttms_relayd

/// Those who follow the relay hear of every state of a traced message, once it is durable.
struct MessageEventTests {
    @Test("every state of a traced message is an event, in order")
    func states() async throws {
        let events = EventLog()
        let last = events.addReader()
        let clock = SteadyClock()
        let groupCommit = try GroupCommitThread(
            store: MemoryStore(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            clock: { clock.now },
            observer: { for trace in $0 { events.publish(RelayEvent(trace, on: clock)) } }
        )
        let ccid = CCID(rawValue: 0x2a)
        let id = try await groupCommit.perform { store -> MessageID? in
            let frame: [UInt8] = Array(repeating: 0, count: 13)
            let outcome = try frame.withUnsafeBytes { frame in
                try store.append(
                    frame,
                    to: ccid,
                    acceptedAt: store.now,
                    timeToLive: nil,
                    isInFlight: false,
                    isTraced: true
                )
            }
            guard case .queued(let id) = outcome else { return nil }
            return id
        }
        let message = try #require(id)
        try await groupCommit.perform { store in
            _ = try store.readNext(of: ccid, maximumBytes: 100, now: store.now)
            _ = try store.remove(of: ccid, through: message)
            try store.confirm([message])
        }
        try await groupCommit.shutdown()
        let told = events.read(after: last, limit: 10).events
        let states: [MessageTrace.State] = [.accepted, .queued, .inFlight, .acknowledged, .confirmed]
        #expect(told.map(\.content) == states.map { .message(id: message, state: $0) })
        #expect(told.allSatisfy { $0.ccid == ccid })
        #expect(told.map(\.at) == told.map(\.at).sorted())
    }
}
