import Testing

@testable import ttms_bench

struct NumberedPayloadTests {
    @Test("A payload is read back at any size", arguments: [36, 37, 100, 65_522])
    func roundTrip(size: Int) throws {
        let payload = NumberedPayload(run: 0x0123_4567_89ab_cdef, source: 1, destination: .max, counter: 1 << 40)
        let bytes = payload.encoded(size: size)
        #expect(bytes.count == size)
        let isRead = try NumberedPayload(bytes[...])
        #expect(isRead == payload)
        let within = [0] + bytes + [0]
        let isReadWithin = try NumberedPayload(within[1...size])
        #expect(isReadWithin == payload)
    }

    @Test("The CRC is that of Ethernet and zlib")
    func crc() {
        #expect(CRC32.of("123456789".utf8) == 0xcbf4_3926)
        #expect(CRC32.of([]) == 0)
    }

    @Test("An address is read as it is written", arguments: ["127.0.0.1:7222", "[::1]:1"])
    func address(text: String) throws {
        let address = try #require(SocketAddress(argument: text))
        #expect(address.description == text)
        #expect(!address.host.contains("["))
    }

    @Test("What is no address", arguments: ["", "7222", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1"])
    func noAddress(text: String) {
        #expect(SocketAddress(argument: text) == nil)
    }
}
