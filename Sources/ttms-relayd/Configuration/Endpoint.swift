import NIOCore
import RelayCore
import TTMSProtocol

/// An IP address and a TCP port to listen on.
struct Endpoint: Equatable, Sendable {
    /// The allowed values; continues the text after "Allowed: ".
    static let allowed = "ADDRESS:PORT, such as 0.0.0.0:7222 or [::1]:7222 (port 0 selects a free one)"

    /// An IPv4 or IPv6 address without brackets.
    var host: String
    /// 0...65535; 0 selects a free one.
    var port: Int

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `127.0.0.1:7222` or `[::1]:7222`; `nil` for any other text. Names are refused, because a listener's address should
    /// not depend on a name server.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        let digits = text[text.index(after: colon)...]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = UInt16(digits),
            isBracketed == host.contains(":"),
            (try? SocketAddress(ipAddress: String(host), port: Int(port))) != nil
        else { return nil }
        self.init(host: String(host), port: Int(port))
    }
}

extension Endpoint: CustomStringConvertible {
    /// The text that ``init(_:)`` reads.
    var description: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}
