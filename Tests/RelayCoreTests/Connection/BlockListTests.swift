import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@Suite struct BlockListTests {
    private static let now = Timestamp(microseconds: 1_700_000_000_000_000)

    private static func blocks(_ networks: String..., peer: String) throws -> Bool {
        let list = BlockList(try networks.map { Block(.network(try #require(IPNetwork($0)))) })
        return list.contains(PeerAddress(try SocketAddress(ipAddress: peer, port: 40_112)), at: Self.now)
    }

    @Test(
        "a network has the addresses that begin like it, and no other",
        arguments: [
            ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.8", false), ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false), ("192.0.2.9/24", "192.0.2.1", true), ("192.0.2.6/31", "192.0.2.7", true),
            ("192.0.2.6/31", "192.0.2.8", false), ("128.0.0.0/1", "255.0.0.1", true), ("128.0.0.0/1", "127.255.255.255", false),
            ("0.0.0.0/0", "203.0.113.1", true), ("0.0.0.0/0", "2001:db8::1", false), ("::/0", "203.0.113.1", false),
            ("::/0", "2001:db8::1", true), ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::1", false),
            ("2001:db8::7", "2001:db8::7", true), ("2001:db8::7", "2001:db8::17", false),
            ("::ffff:192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "::ffff:192.0.2.7", true),
        ]
    )
    func membership(network: String, peer: String, isBlocked: Bool) throws {
        #expect(try Self.blocks(network, peer: peer) == isBlocked)
    }

    @Test("of several networks one is enough")
    func several() throws {
        #expect(try Self.blocks("198.51.100.0/24", "10.0.0.0/8", "192.0.2.7", peer: "10.9.8.7"))
        #expect(try !Self.blocks("198.51.100.0/24", "10.0.0.0/8", "192.0.2.7", peer: "11.9.8.7"))
    }

    @Test(
        "a network has one text",
        arguments: [
            ("192.0.2.7", "192.0.2.7"), ("192.0.2.7/32", "192.0.2.7"), ("192.0.2.7/24", "192.0.2.0/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:DB8:0::7/128", "2001:db8::7"), ("2001:db8::7/32", "2001:db8::/32"), ("::/0", "::/0"),
            ("::ffff:192.0.2.7/120", "192.0.2.0/24"), ("::1", "::1"),
        ]
    )
    func text(written: String, shown: String) throws {
        let network = try #require(IPNetwork(written))
        #expect(network.description == shown)
        #expect(IPNetwork(shown) == network)
    }

    @Test(
        "any other text is no network",
        arguments: [
            "", "/", "192.0.2", "192.0.2.7/", "192.0.2.7/33", "192.0.2.7/-1", "192.0.2.7/+8", "192.0.2.7/8/8", "192.0.2.256",
            "::/129",
            "::g", "fe80::1%lo", "localhost", "[::1]", "192.0.2.7:80", " 192.0.2.7", "192.0.2.7/٣", "192.0.2.7/0008",
        ]
    )
    func noNetwork(_ text: String) {
        #expect(IPNetwork(text) == nil)
    }

    @Test("a block ends when its time is up, and a longer one for the same target holds on")
    func ends() {
        let ccid = CCID(rawValue: 42)
        let end = Self.now.advanced(bySeconds: 1)
        let list = BlockList([Block(.ccid(ccid), expiresAt: end)])
        #expect(list.contains(ccid, at: Self.now) && !list.contains(ccid, at: end) && !list.isEmpty)
        #expect(!list.contains(CCID(rawValue: 43), at: Self.now))
        let both = BlockList([Block(.ccid(ccid)), Block(.ccid(ccid), expiresAt: end)])
        #expect(both.contains(ccid, at: end.advanced(bySeconds: 1_000_000_000)))
        #expect(BlockList().isEmpty && !BlockList().contains(ccid, at: Self.now))
    }

    @Test("a peer without an address is shut out while any network is")
    func unknownPeer() throws {
        let end = Self.now.advanced(bySeconds: 1)
        let network = try #require(IPNetwork("192.0.2.7"))
        let list = BlockList([Block(.network(network), expiresAt: end)])
        #expect(list.contains(PeerAddress(nil), at: Self.now) && !list.contains(PeerAddress(nil), at: end))
        #expect(!BlockList([Block(.ccid(CCID(rawValue: 42)))]).contains(PeerAddress(nil), at: Self.now))
    }
}
