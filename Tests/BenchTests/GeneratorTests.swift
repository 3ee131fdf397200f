import Foundation
import NIOCore
import TTMSProtocol
import TestKit
import Testing

@testable import ttms_bench

/// The event loops of a load, together.
struct GeneratorTests {
    @Test("A closed loop goes on although one event loop starts when the other's frames have arrived there")
    func lateLoop() async throws {
        try await RelayProcess.with { relay in
            let layout = Layout(Scenario(name: "late", kind: .oneToMany, count: 9))
            let generator = try await Generator(
                LoadPlan(
                    address: try Server.relay(in: relay.dataDirectory.path).address,
                    protocol: .ttms,
                    firstCCID: CCID(rawValue: 0x2000_0000),
                    terminals: layout.terminals,
                    payloads: [64],
                    loops: 2
                )
            )
            try await generator.arrive(layout.online)
            let pace = Pace.closed(window: 8)
            for loop in generator.loops {
                try await loop.eventLoop.submit { loop.prepare(layout.senders, pace: pace) }.get()
            }
            let first = generator.loops[0]
            try await first.eventLoop.submit { first.start(layout.senders, pace: pace, at: 0) }.get()
            // Many windows, of which the other loop has received half.
            _ = try await eventually("a sender whose window never stays full") {
                try await generator.counts().delivered > 100 * 8 ? true : nil
            }
            try await generator.stop()
            try await generator.shutDown()
        }
    }
}
