import NIOCore

/// IP address and port of a connection's peer in 24 bytes, for records of ended connections.
public struct PeerAddress: Hashable, Sendable {
    /// Address in the form of ``IPNetwork``, in halves: a 128-bit integer would have to be aligned to 16 bytes.
    private let high: UInt64
    private let low: UInt64
    /// Port; 0 when there is no address.
    public let port: UInt16

    /// Copies a socket's address. `nil`, or one of another family than IP, becomes the unknown address.
    public init(_ address: SocketAddress?) {
        let bits = address.flatMap { IPNetwork($0) }?.bits ?? 0
        self.high = UInt64(truncatingIfNeeded: bits >> 64)
        self.low = UInt64(truncatingIfNeeded: bits)
        self.port = UInt16(truncatingIfNeeded: address?.port ?? 0)
    }

    /// Makes the address from its halves, an IPv4 address in its mapped form. Zeros throughout are the unknown address.
    public init(high: UInt64, low: UInt64, port: UInt16) {
        self.high = high
        self.low = low
        self.port = port
    }

    /// Whether the address is unknown.
    public var isUnknown: Bool { self.high == 0 && self.low == 0 && self.port == 0 }

    /// Address of an IPv4 peer, or the /64 network of an IPv6 peer, in which one site can choose its addresses.
    public var subnet: IPNetwork {
        let network = self.network
        return network.isIPv4 || self.isUnknown ? network : IPNetwork(bits: network.bits, prefixLength: 64)
    }

    /// Address without the port.
    var network: IPNetwork {
        IPNetwork(bits: UInt128(self.high) << 64 | UInt128(self.low), prefixLength: 128)
    }
}

extension PeerAddress: CustomStringConvertible {
    /// Text such as `192.0.2.7:40112` or `[2001:db8::7]:40112`; empty for the unknown address.
    public var description: String {
        guard !self.isUnknown else { return "" }
        let network = self.network
        return network.isIPv4 ? "\(network):\(self.port)" : "[\(network)]:\(self.port)"
    }
}

extension IPNetwork {
    /// Whether the network contains the address of `peer`.
    public func contains(_ peer: PeerAddress) -> Bool {
        let address = peer.network
        return self.isIPv4 == address.isIPv4 && IPNetwork(bits: address.bits, prefixLength: self.prefixLength) == self
    }
}
