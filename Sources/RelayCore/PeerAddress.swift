import NIOCore

/// The IP address and port of a connection's peer in 24 bytes: what is kept of connections that have ended.
public struct PeerAddress: Hashable, Sendable {
    /// The address as 128 bits: IPv4 ones as IPv6 writes them, `::ffff:a.b.c.d`.
    private let high: UInt64
    private let low: UInt64
    /// The port; 0 when there is no address.
    public let port: UInt16

    /// Copies a socket's address; `nil`, and one that is not of IP, becomes the address of nobody.
    public init(_ address: SocketAddress?) {
        let parts = address?.withSockAddr { start, size -> (high: UInt64, low: UInt64)? in
            let bytes = UnsafeRawBufferPointer(start: start, count: size)
            // The address lies behind family, port and, in IPv6, the flow.
            switch address?.protocol {
            case .inet where size >= 8:
                let value = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
                return (0, 0xffff_0000_0000 | UInt64(value))
            case .inet6 where size >= 24:
                return (
                    UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                    UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
                )
            default: return nil
            }
        }
        self.high = parts?.high ?? 0
        self.low = parts?.low ?? 0
        self.port = UInt16(truncatingIfNeeded: address?.port ?? 0)
    }

    /// The address alone.
    fileprivate var network: IPNetwork {
        IPNetwork(bits: UInt128(self.high) << 64 | UInt128(self.low), prefixLength: 128)
    }
}

extension PeerAddress: CustomStringConvertible {
    /// Such as `192.0.2.7:40112` or `[2001:db8::7]:40112`; empty for nobody.
    public var description: String {
        guard self.high != 0 || self.low != 0 || self.port != 0 else { return "" }
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
