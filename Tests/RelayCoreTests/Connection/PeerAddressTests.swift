import NIOCore
import RelayCore
import Testing

@Suite struct PeerAddressTests {
    private func peer(_ address: String, port: Int = 7_222) throws -> PeerAddress {
        PeerAddress(try SocketAddress(ipAddress: address, port: port))
    }

    @Test(arguments: [
        ("192.0.2.7", "192.0.2.7:7222"), ("0.0.0.0", "0.0.0.0:7222"), ("255.255.255.255", "255.255.255.255:7222"),
        ("::1", "[::1]:7222"), ("::", "[::]:7222"), ("2001:db8::a:b", "[2001:db8::a:b]:7222"),
        ("::ffff:10.0.0.1", "10.0.0.1:7222"),
    ])
    func itIsShownAsItIsWritten(address: String, text: String) throws {
        #expect(try self.peer(address).description == text)
    }

    @Test func nobodyHasNoText() throws {
        #expect(PeerAddress(nil).description == "")
        #expect(PeerAddress(try SocketAddress(unixDomainSocketPath: "/tmp/x")).description == "")
    }

    @Test(arguments: [
        ("192.0.2.0/24", "192.0.2.255", true), ("192.0.2.0/24", "192.0.3.0", false), ("192.0.2.7", "192.0.2.7", true),
        ("192.0.2.7", "192.0.2.6", false), ("192.0.2.7/31", "192.0.2.6", true), ("0.0.0.0/0", "8.8.8.8", true),
        ("0.0.0.0/0", "2001:db8::1", false), ("::/0", "2001:db8::1", true), ("::/0", "8.8.8.8", false),
        ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::1", false),
        ("2001:db8::/64", "2001:db8::ffff:1", true), ("2001:db8::/64", "2001:db8:0:1::1", false),
        ("2001:db8::8/125", "2001:db8::f", true), ("2001:db8::8/125", "2001:db8::7", false), ("::1/128", "::1", true),
        ("::1/128", "::2", false), ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("::1/65", "::2", true),
        ("10.1.2.3/0", "99.0.0.0", true),
    ])
    func networksHoldTheirAddresses(range: String, address: String, isInside: Bool) throws {
        #expect(try #require(IPNetwork(range)).contains(try self.peer(address)) == isInside)
    }

    @Test func nobodyIsInNoNetworkOfIPv4() throws {
        #expect(try #require(IPNetwork("0.0.0.0/0")).contains(PeerAddress(nil)) == false)
    }
}
