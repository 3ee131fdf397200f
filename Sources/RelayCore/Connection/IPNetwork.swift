import Glibc
import NIOCore

/// One IP address, or all that begin with the same bits.
///
/// IPv4 addresses are kept as IPv6 has them mapped (`::ffff:0:0/96`), so that one table holds both; a network of one family has no
/// address of the other.
public struct IPNetwork: Hashable, Sendable {
    /// The bits of an IPv4 address's mapped form that are the same for all.
    private static let mappedPrefix: UInt128 = 0xffff << 32
    private static let mappedLength = 96

    /// The address; 0 behind the prefix.
    let bits: UInt128
    /// Bits that its addresses have in common, 0...128; of IPv4 addresses, 96 and those of the text.
    let prefixLength: Int

    /// The addresses whose first `prefixLength` bits are those of `bits`.
    init(bits: UInt128, prefixLength: Int) {
        // A shift by the whole width gives 0.
        self.bits = bits & (UInt128.max << UInt128(128 - prefixLength))
        self.prefixLength = prefixLength
    }

    /// Reads an address such as `192.0.2.7` or `2001:db8::7`, or a network such as `192.0.2.0/24`; what stands in the text behind
    /// the prefix is left out. `nil` for any other text, names included.
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

    /// The address of a peer alone; `nil` when it has none, as on a Unix socket.
    public init?(_ address: SocketAddress) {
        let bits = address.withSockAddr { start, size -> UInt128? in
            let bytes = UnsafeRawBufferPointer(start: start, count: size)
            // The address lies behind family, port and, in IPv6, the flow.
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

    /// Whether all of its addresses are IPv4's.
    var isIPv4: Bool {
        self.prefixLength >= Self.mappedLength && self.bits >> 32 == Self.mappedPrefix >> 32
    }

    private static func bits(of host: String) -> UInt128? {
        // Numbers of the right size, not `in_addr` and `in6_addr`, of which SwiftNIO brings a second declaration.
        var address: UInt32 = 0
        if inet_pton(AF_INET, host, &address) == 1 { return Self.mappedPrefix | UInt128(UInt32(bigEndian: address)) }
        var bits: UInt128 = 0
        return inet_pton(AF_INET6, host, &bits) == 1 ? UInt128(bigEndian: bits) : nil
    }
}

extension IPNetwork: CustomStringConvertible {
    /// As ``init(_:)`` reads it, one text for each network; an address alone has no prefix.
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
