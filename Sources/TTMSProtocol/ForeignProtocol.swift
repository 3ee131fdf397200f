/// Names the protocol of a peer that does not speak this one, by its first bytes, so that people know the likely cause.
public enum ForeignProtocol {
    /// The most bytes that are shown.
    public static let shownBytes = 32

    /// The bytes as readable text: printable ASCII unchanged, all others as `\x16`; at most ``shownBytes`` of them.
    public static func escaped(_ bytes: some Collection<UInt8>) -> String {
        var text = ""
        for byte in bytes.prefix(Self.shownBytes) {
            switch byte {
            case UInt8(ascii: "\\"): text += "\\\\"
            case UInt8(ascii: "\""): text += "\\\""
            case 0x20..<0x7f: text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += (byte < 16 ? "\\x0" : "\\x") + String(byte, radix: 16)
            }
        }
        return bytes.count > Self.shownBytes ? text + "..." : text
    }

    /// The likely protocol of the bytes, and the remedy where there is one; `nil` for unknown bytes.
    public static func guess(_ bytes: some Collection<UInt8>) -> String? {
        let bytes = Array(bytes.prefix(64))
        return Self.binaryGuess(bytes) ?? Self.textGuess(bytes)
    }

    private static func binaryGuess(_ bytes: [UInt8]) -> String? {
        func begins(_ prefix: [UInt8]) -> Bool { bytes.starts(with: prefix) }
        if begins([0x16, 0x03]) {
            return "a TLS ClientHello: the client speaks TLS, and this listener does not"
        }
        if begins([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51]) {
            return "a PROXY protocol header (version 2): a load balancer adds it; switch it off there"
        }
        if let first = bytes.first, first == 0x10, bytes.count > 4, Self.contains(Array("MQ".utf8), in: bytes.prefix(10)) {
            return "an MQTT CONNECT: the client takes the relay for an MQTT broker"
        }
        if begins([0x03, 0x00, 0x00]) { return "Remote Desktop (TPKT): a scanner, or a client with the wrong port" }
        if begins([0xff, 0xfb]) || begins([0xff, 0xfd]) { return "a Telnet negotiation" }
        if Self.contains([0x53, 0x4d, 0x42], in: bytes.prefix(9)), bytes.first == 0 {
            return "SMB: a scanner, or a client with the wrong port"
        }
        if begins([0x78, 0x78]) || begins([0x79, 0x79]) { return "a GT06 tracker's frame: another protocol's terminal" }
        if begins([0x7e]) { return "a JT/T 808 frame: another protocol's terminal" }
        if begins([0xef, 0xbb, 0xbf]) || begins([0xff, 0xfe]) || begins([0xfe, 0xff]) {
            return "text with a byte order mark"
        }
        if bytes.count > 1, bytes.allSatisfy({ $0 == 0 }) { return "zeros" }
        return nil
    }

    private static let texts: [(prefixes: [String], meaning: String)] = [
        (["PROXY "], "a PROXY protocol header (version 1): a load balancer adds it; switch it off there"),
        (["SSH-"], "an SSH client"),
        (["PRI * HTTP/2"], "an HTTP/2 client: the admin API has a port of its own"),
        (
            ["GET ", "POST ", "HEAD ", "PUT ", "DELETE ", "OPTIONS ", "CONNECT ", "PATCH ", "TRACE "],
            "an HTTP request: the admin API has a port of its own, and health checks of terminals' ports should only connect"
        ),
        (["HTTP/"], "an HTTP answer"),
        (["CONNECT{", "PING\r\n", "INFO {"], "a NATS client"),
        (["AMQP"], "an AMQP client"),
        (["EHLO ", "HELO "], "an SMTP client"),
        (["*1\r\n$", "*2\r\n$", "*3\r\n$"], "a Redis client"),
        (["RTSP/", "DESCRIBE ", "REGISTER ", "INVITE "], "an RTSP or SIP client"),
        (["$TTMX"], "a frame that a relay has forwarded: this is the side of terminals"),
        (["$GP", "$GN", "$GL", "$BD"], "an NMEA sentence: a receiver's raw output"),
        (["2454544d53", "2454544D53"], "a frame as hexadecimal text: it has to be sent as bytes"),
        (["{", "["], "JSON"),
        (["<"], "XML or HTML"),
    ]

    private static func textGuess(_ bytes: [UInt8]) -> String? {
        for (prefixes, meaning) in Self.texts where prefixes.contains(where: { bytes.starts(with: $0.utf8) }) { return meaning }
        if Self.contains(Array("$TTMS".utf8), in: bytes[...]) {
            return "bytes before a frame: something on the way adds them, or a frame before it was cut"
        }
        let lowered = bytes.prefix(5).map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
        return lowered == Array("$ttms".utf8) ? "a frame whose header is not in capitals" : nil
    }

    private static func contains(_ part: [UInt8], in bytes: ArraySlice<UInt8>) -> Bool {
        guard bytes.count >= part.count else { return false }
        return (bytes.startIndex...(bytes.endIndex - part.count)).contains { bytes[$0...].starts(with: part) }
    }
}
