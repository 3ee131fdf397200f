/// The CRC-32 of Ethernet and zlib: unlike the XOR of a frame, it detects bytes that have changed places.
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xedb8_8320 ^ (value >> 1) : value >> 1 }
    }

    /// The CRC of `bytes`.
    static func of(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { crc, byte in (crc >> 8) ^ Self.table[Int((crc ^ UInt32(byte)) & 0xff)] }
    }
}
