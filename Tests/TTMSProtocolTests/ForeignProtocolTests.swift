import TTMSProtocol
import Testing

@Suite struct ForeignProtocolTests {
    @Test(
        "what a stranger speaks is said in words",
        arguments: [
            ([0x16, 0x03, 0x01, 0x02, 0x00, 0x01], "TLS"), (Array("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n".utf8), "PROXY"),
            ([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a], "PROXY"),
            (Array("GET / HTTP/1.1\r\n".utf8), "HTTP"), (Array("SSH-2.0-OpenSSH_9.2\r\n".utf8), "SSH"),
            ([0x10, 0x10, 0x00, 0x04, 0x4d, 0x51, 0x54, 0x54, 0x04], "MQTT"),
            ([0x10, 0x8c, 0x01, 0x00, 0x06, 0x4d, 0x51, 0x49], "MQTT"), (Array("\r\n$TTMS".utf8), "before a frame"),
            (Array("2454544d530011".utf8), "hexadecimal"), (Array("$ttms".utf8), "capitals"),
            (Array("$TTMX".utf8), "forwarded"),
        ] as [([UInt8], String)]
    )
    func guesses(bytes: [UInt8], words: String) throws {
        #expect(try #require(ForeignProtocol.guess(bytes)).contains(words))
    }

    @Test("what is not known gets no name, and nothing is too short")
    func unknown() {
        let tls: [UInt8] = [0x16, 0x03, 0x01]
        for bytes in [[], [0x2a], Array("hello".utf8), [0x10]] as [[UInt8]] { #expect(ForeignProtocol.guess(bytes) == nil) }
        for count in 0...tls.count { _ = ForeignProtocol.guess(tls.prefix(count)) }
    }

    @Test("bytes are shown escaped and bounded")
    func escaped() {
        #expect(ForeignProtocol.escaped([0x16, 0x03, 0x41, 0x22, 0x5c, 0x0a, 0x7f, 0xff]) == #"\x16\x03A\"\\\x0a\x7f\xff"#)
        #expect(ForeignProtocol.escaped([UInt8](repeating: 0x41, count: 33)) == String(repeating: "A", count: 32) + "...")
    }
}
