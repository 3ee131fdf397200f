import NIOCore
import RelayCore
import Testing

@testable import RelayServer

@Suite struct RejectionPaceTests {
    private static func network(_ number: Int) -> IPNetwork {
        PeerAddress(high: 0, low: 0xffff_0a00_0000 + UInt64(number), port: 1).subnet
    }

    @Test func oneNetworkDoesNotUseUpOthersEvents() {
        let pace = RejectionPace()
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        let flood = (0..<1_000).count { _ in pace.admits(Self.network(1), now: now) }
        #expect(flood == RejectionPace.burst)
        let other = pace.admits(Self.network(2), now: now)
        #expect(other)
        now = now + .milliseconds(999)
        let early = pace.admits(Self.network(1), now: now)
        now = now + .milliseconds(1)
        let due = (0..<3).map { _ in pace.admits(Self.network(1), now: now) }
        #expect(!early && due == [true, false, false])
        // After a quiet time it has its whole share again.
        now = now + .seconds(100)
        pace.forgetIdle(now: now)
        let again = (0..<1_000).count { _ in pace.admits(Self.network(1), now: now) }
        #expect(again == RejectionPace.burst)
    }

    @Test func manyNetworksShareOneBucket() {
        let pace = RejectionPace()
        let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        let admitted = (0..<2 * RejectionPace.maximumNetworks).count { pace.admits(Self.network($0), now: now) }
        #expect(admitted == RejectionPace.maximumNetworks + RejectionPace.burst)
    }
}
