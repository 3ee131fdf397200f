/// A payload that contains everything that its receiver has to check.
///
///     offset 0      4     12       16            20        28       32     size - 4
///            magic  run   source   destination   counter   length   fill   CRC-32 of all before it
///
/// All numbers are big-endian.
struct NumberedPayload: Equatable {
    /// A random number of the run, which distinguishes its payloads from those that an earlier run has left in the relay.
    var run: UInt64
    var source: UInt32
    var destination: UInt32
    /// Counts the payloads from `source` to `destination`, from 1.
    var counter: UInt64

    /// Bytes of a payload without fill.
    static let minimumSize = 36
    private static let magic: UInt32 = 0x5454_5631

    /// The reason why bytes are no payload of a run.
    enum Defect: Error, Equatable {
        /// Magic, length or CRC are wrong.
        case damaged
    }

    /// The payload in `size` bytes, at least ``minimumSize``.
    func encoded(size: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        bytes.append(bigEndian: Self.magic)
        bytes.append(bigEndian: self.run)
        bytes.append(bigEndian: self.source)
        bytes.append(bigEndian: self.destination)
        bytes.append(bigEndian: self.counter)
        bytes.append(bigEndian: UInt32(size))
        // The fill differs from payload to payload, so that bytes of one within another are detected.
        let fill = UInt8(truncatingIfNeeded: self.counter &* 31 &+ UInt64(self.source))
        for offset in stride(from: 32, to: size - 4, by: 1) { bytes.append(fill &+ UInt8(truncatingIfNeeded: offset)) }
        bytes.append(bigEndian: CRC32.of(bytes))
        return bytes
    }

    init(run: UInt64, source: UInt32, destination: UInt32, counter: UInt64) {
        self.run = run
        self.source = source
        self.destination = destination
        self.counter = counter
    }

    /// Reads the bytes of ``encoded(size:)``.
    ///
    /// - Throws: ``Defect``.
    init(_ bytes: ArraySlice<UInt8>) throws(Defect) {
        let start = bytes.startIndex
        guard bytes.count >= Self.minimumSize,
            bytes.integer(at: start, as: UInt32.self) == Self.magic,
            bytes.integer(at: start + 28, as: UInt32.self) == UInt32(bytes.count),
            bytes.integer(at: bytes.endIndex - 4, as: UInt32.self) == CRC32.of(bytes.dropLast(4))
        else { throw .damaged }
        self.run = bytes.integer(at: start + 4)
        self.source = bytes.integer(at: start + 12)
        self.destination = bytes.integer(at: start + 16)
        self.counter = bytes.integer(at: start + 20)
    }
}

extension [UInt8] {
    /// Appends a number, its highest byte first.
    mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { self.append(contentsOf: $0) }
    }
}

extension ArraySlice<UInt8> {
    /// Reads a number, its highest byte first; the slice must hold all its bytes.
    func integer<Number: FixedWidthInteger>(at index: Int, as: Number.Type = Number.self) -> Number {
        self[index..<index + MemoryLayout<Number>.size].reduce(0) { $0 << 8 | Number($1) }
    }
}
