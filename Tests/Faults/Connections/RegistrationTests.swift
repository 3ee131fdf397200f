import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// Terminals that come, go and come again while frames for them arrive, on any event loop.
    struct RegistrationTests {
        @Test("A terminal that registers while others send to it gets everything in order", arguments: [1, 2, 4])
        func duringTraffic(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let sources = (1...4).map { CCID(rawValue: $0) }
                let senders = try sources.map { try relay.terminal($0) }
                for round in 0..<60 {
                    let destination = CCID(rawValue: 0x1000 + UInt32(round))
                    for sender in senders { try sender.send(NumberedFrames.to(destination, 0..<20)) }
                    let receiver = try relay.connect()
                    try receiver.send(WireFrame.heartbeat(of: destination))
                    // In small bursts, so that some of them arrive at every stage of the registration.
                    for number in 20..<60 {
                        for sender in senders { try sender.send(NumberedFrames.to(destination, number..<number + 1)) }
                    }
                    let reply = try receiver.receiveFrame()
                    #expect(reply.starts(with: WireFrame.heartbeat(of: destination).prefix(12)))
                    var numbers: [CCID: [Int]] = [:]
                    for _ in 0..<60 * sources.count {
                        let frame = try receiver.receiveFrame()
                        let source = CCID(rawValue: frame[7..<11].reduce(0) { $0 << 8 | UInt32($1) })
                        numbers[source, default: []].append(try NumberedFrames.number(of: frame, from: source))
                    }
                    for (source, numbers) in numbers where numbers != Array(0..<60) {
                        throw NumberedFrames.Unexpected(description: "from \(source) to \(destination): \(numbers)")
                    }
                }
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("A terminal that reconnects again and again is closed by nobody, and misses nothing", arguments: [1, 2, 4])
        func againAndAgain(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let sender = try relay.terminal(.sender)
                var arrived = -1
                for round in 0..<100 {
                    let receiver = try relay.connect()
                    // The heartbeat's reply is all that it waits for before it leaves again, in every second round not even that.
                    try receiver.send(WireFrame.heartbeat(of: .receiver))
                    try sender.send(NumberedFrames.to(.receiver, round..<round + 1))
                    if round.isMultiple(of: 2) { _ = try receiver.receiveFrame() }
                    receiver.finish()
                    let bytes = try receiver.receiveUntilClosed()
                    let replySize = round.isMultiple(of: 2) ? 0 : Frame.heartbeatSize
                    for number in try NumberedFrames.numbers(in: Array(bytes.dropFirst(replySize))) {
                        // Only what the relay could not know to have arrived comes again.
                        #expect(number <= arrived + 1)
                        arrived = max(arrived, number)
                    }
                }
                let receiver = try relay.terminal(.receiver)
                try sender.send(NumberedFrames.to(.receiver, 100..<101))
                while arrived < 100 {
                    let number = try receiver.receiveNumbers(1)[0]
                    guard number <= arrived + 1 else {
                        throw NumberedFrames.Unexpected(description: "\(number) came after \(arrived)")
                    }
                    arrived = max(arrived, number)
                }
                try receiver.expectNothing(for: .receiver)
                let closings = try await relay.admin.metrics().filter { $0.key.contains("superseded") && $0.value > 0 }
                #expect(closings.isEmpty)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }
    }
}
