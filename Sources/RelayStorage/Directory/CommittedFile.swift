import Glibc
import RelayCore

/// The contents of `committed`: the last commit that is known to be on disk, and the clocks at that time.
struct CommitMark: Equatable {
    /// The last commit that is known to have been on disk.
    var number: UInt64
    /// The clocks at that time; `nil` in a file of an early release.
    var reading: ClockReading?

    /// Bytes of a record: number, steady and wall clock in microseconds, and their checksum, big-endian.
    static let size = 32

    /// The record of this mark.
    var record: [UInt8] {
        let words = [
            self.number, UInt64(bitPattern: self.reading?.steady.microseconds ?? 0),
            UInt64(bitPattern: self.reading?.wall.microseconds ?? 0),
        ]
        let bytes = words.flatMap(Self.bytes)
        return bytes + Self.bytes(Self.checksum(of: bytes[...]))
    }

    /// Reads a record; `nil` when it fails its checksum.
    init?(record: ArraySlice<UInt8>) {
        guard record.count == Self.size else { return nil }
        let words = Self.words(record)
        guard words[3] == Self.checksum(of: record.dropLast(8)) else { return nil }
        self.init(words: words)
    }

    init(number: UInt64, reading: ClockReading?) {
        self.number = number
        self.reading = reading
    }

    private init(words: [UInt64]) {
        self.number = words[0]
        self.reading = ClockReading(
            steady: Timestamp(microseconds: Int64(bitPattern: words[1])),
            wall: Timestamp(microseconds: Int64(bitPattern: words[2]))
        )
    }

    /// Reads the contents of a store of format 1 or 2: a number, and in later ones the clocks and the XOR of all three.
    init?(early bytes: [UInt8]) {
        let words = Self.words(bytes[...])
        guard words.contains(where: { $0 != 0 }) else { return nil }
        if words.count == 1 {
            self.init(number: words[0], reading: nil)
        } else if words.count == 4, words.reduce(0, ^) == 0 {
            self.init(words: words)
        } else {
            return nil
        }
    }

    /// FNV-1a over a fixed seed, so that zeros are no record. Every change of one byte changes it.
    static func checksum(of bytes: ArraySlice<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in "ttms-relay".utf8 { hash = (hash ^ UInt64(byte)) &* 0x0100_0000_01b3 }
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0100_0000_01b3 }
        return hash
    }

    private static func bytes(_ word: UInt64) -> [UInt8] {
        withUnsafeBytes(of: word.bigEndian) { Array($0) }
    }

    private static func words(_ bytes: ArraySlice<UInt8>) -> [UInt64] {
        stride(from: bytes.startIndex, to: bytes.endIndex - 7, by: 8).map { start in
            bytes[start..<(start + 8)].reduce(0) { $0 << 8 | UInt64($1) }
        }
    }
}

/// The file `committed`: two equal records of the last ``CommitMark``, so that damage to one of them loses nothing.
enum CommittedFile {
    /// The contents of the file.
    enum Content: Equatable {
        case mark(CommitMark)
        /// One of the two records is damaged; this is the other.
        case half(CommitMark)
        /// The file was written by a store of format 1 or 2.
        case early(CommitMark)
        /// The file is missing, empty, or full of zeros.
        case absent
        /// The file has other contents.
        case damaged

        /// The mark; `nil` when it is not known.
        var mark: CommitMark? {
            switch self {
            case .mark(let mark), .half(let mark), .early(let mark): mark
            case .absent, .damaged: nil
            }
        }
    }

    /// Reads the file with the descriptor `file`; a negative one means that it is missing.
    static func read(_ file: CInt) throws(StoreError) -> Content {
        guard file >= 0 else { return .absent }
        var bytes = [UInt8](repeating: 0, count: 4 * CommitMark.size)
        let size = pread(file, &bytes, bytes.count, 0)
        guard size >= 0 else { throw RocksDBFailure.system("Reading the store's file committed") }
        bytes.removeLast(bytes.count - size)
        guard bytes.contains(where: { $0 != 0 }) else { return .absent }
        let records = [0, 1].map { index in
            CommitMark(record: bytes.dropFirst(index * CommitMark.size).prefix(CommitMark.size))
        }
        if let first = records[0], first == records[1], size == 2 * CommitMark.size { return .mark(first) }
        // If both are valid and differ, only one was written to disk.
        if let latest = records.compactMap(\.self).max(by: { $0.number < $1.number }) { return .half(latest) }
        return CommitMark(early: bytes).map { .early($0) } ?? .damaged
    }

    /// Writes both records.
    ///
    /// - Returns: whether the write succeeded.
    static func write(_ mark: CommitMark, to file: CInt) -> Bool {
        let record = mark.record
        let bytes = record + record
        return pwrite(file, bytes, bytes.count, 0) == bytes.count
    }
}
