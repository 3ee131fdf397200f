import NIOCore

/// The IP address and port of a connection's peer in 24 bytes: what is kept of connections that have ended.
public struct PeerAddress: Hashable, Sendable {
    /// The address as ``IPNetwork`` has it, in halves: 128 bits in one piece would have to lie at a multiple of 16.
    private let high: UInt64
    private let low: UInt64
    /// The port; 0 when there is no address.
    public let port: UInt16

    /// Copies a socket's address; `nil`, and one that is not of IP, becomes the address of nobody.
    public init(_ address: SocketAddress?) {
        let bits = address.flatMap { IPNetwork($0) }?.bits ?? 0
        self.high = UInt64(truncatingIfNeeded: bits >> 64)
        self.low = UInt64(truncatingIfNeeded: bits)
        self.port = UInt16(truncatingIfNeeded: address?.port ?? 0)
    }

    /// Makes the address from its halves, an IPv4 address in its mapped form; zeros throughout are the address of nobody.
    public init(high: UInt64, low: UInt64, port: UInt16) {
        self.high = high
        self.low = low
        self.port = port
    }

    /// Whether it is the address of nobody.
    public var isUnknown: Bool { self.high == 0 && self.low == 0 && self.port == 0 }

    /// The address alone of IPv4; of IPv6 the network that one site has (/64), in which it may choose its addresses.
    public var subnet: IPNetwork {
        let network = self.network
        return network.isIPv4 || self.isUnknown ? network : IPNetwork(bits: network.bits, prefixLength: 64)
    }

    /// The address alone.
    var network: IPNetwork {
        IPNetwork(bits: UInt128(self.high) << 64 | UInt128(self.low), prefixLength: 128)
    }
}

extension PeerAddress: CustomStringConvertible {
    /// Such as `192.0.2.7:40112` or `[2001:db8::7]:40112`; empty for nobody.
    public var description: String {
        guard !self.isUnknown else { return "" }
        let network = self.network
        return network.isIPv4 ? "\(network):\(self.port)" : "[\(network)]:\(self.port)"
    }
}

extension IPNetwork {
    /// Whether `peer` is one of these addresses.
    public func contains(_ peer: PeerAddress) -> Bool {
        let address = peer.network
        return self.isIPv4 == address.isIPv4 && IPNetwork(bits: address.bits, prefixLength: self.prefixLength) == self
    }
}
