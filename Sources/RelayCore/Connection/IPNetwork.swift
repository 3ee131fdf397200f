import Glibc
import NIOCore

/// One IP address, or all addresses with the same leading bits.
///
/// IPv4 addresses are stored in their IPv6-mapped form (`::ffff:0:0/96`), so that one table has both. A network of one family
/// contains no address of the other.
public struct IPNetwork: Hashable, Sendable {
    /// Leading bits that all mapped IPv4 addresses have.
    private static let mappedPrefix: UInt128 = 0xffff << 32
    private static let mappedLength = 96

    /// Address, with 0 in all bits after the prefix.
    let bits: UInt128
    /// Number of common leading bits, 0...128; for IPv4, 96 more than in its text.
    let prefixLength: Int

    /// Makes the network of the addresses whose first `prefixLength` bits are those of `bits`.
    init(bits: UInt128, prefixLength: Int) {
        assert((0...128).contains(prefixLength))
        // A shift by the whole width gives 0.
        self.bits = bits & (UInt128.max << UInt128(128 - prefixLength))
        self.prefixLength = prefixLength
    }

    /// Parses an address such as `192.0.2.7` or `2001:db8::7`, or a network such as `192.0.2.0/24`. Bits after the prefix are
    /// ignored. `nil` for any other text, names included.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let host = parts.first, let bits = Self.bits(of: String(host)) else { return nil }
        let first = host.contains(":") ? 0 : Self.mappedLength
        guard parts.count == 2 else {
            self.init(bits: bits, prefixLength: 128)
            return
        }
        let digits = parts[1].utf8
        guard (1...3).contains(digits.count), digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let length = Int(parts[1]), length <= 128 - first
        else { return nil }
        self.init(bits: bits, prefixLength: first + length)
    }

    /// Makes the network of one peer's address; `nil` when it has none, as on a Unix socket.
    public init?(_ address: SocketAddress) {
        let bits = address.withSockAddr { start, size -> UInt128? in
            let bytes = UnsafeRawBufferPointer(start: start, count: size)
            // The address follows family, port and, in IPv6, the flow.
            switch address.protocol {
            case .inet where size >= 8:
                let value = bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
                return Self.mappedPrefix | UInt128(UInt32(bigEndian: value))
            case .inet6 where size >= 24: return UInt128(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt128.self))
            default: return nil
            }
        }
        guard let bits else { return nil }
        self.init(bits: bits, prefixLength: 128)
    }

    /// Whether its addresses are IPv4 addresses.
    var isIPv4: Bool {
        self.prefixLength >= Self.mappedLength && self.bits >> 32 == Self.mappedPrefix >> 32
    }

    private static func bits(of host: String) -> UInt128? {
        // Integers of the right size instead of `in_addr` and `in6_addr`, which SwiftNIO declares a second time.
        var address: UInt32 = 0
        if inet_pton(AF_INET, host, &address) == 1 { return Self.mappedPrefix | UInt128(UInt32(bigEndian: address)) }
        var bits: UInt128 = 0
        return inet_pton(AF_INET6, host, &bits) == 1 ? UInt128(bigEndian: bits) : nil
    }
}

extension IPNetwork: CustomStringConvertible {
    /// Text that ``init(_:)`` parses, one for each network; a single address has no prefix.
    public var description: String {
        let first = self.isIPv4 ? Self.mappedLength : 0
        let host = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
            withUnsafeBytes(of: self.bits.bigEndian) { bytes in
                let family = self.isIPv4 ? AF_INET : AF_INET6
                let start = bytes.baseAddress?.advanced(by: first / 8)
                return inet_ntop(family, start, text.baseAddress, socklen_t(text.count)).map { String(cString: $0) } ?? ""
            }
        }
        return self.prefixLength == 128 ? host : "\(host)/\(self.prefixLength - first)"
    }
}
