import Glibc
import RelayCore

/// The file `format`: a store was created here, with this format.
///
///     3
///     ttms-relay store, format 3, check 0123456789abcdef
///
/// The first line is that of earlier releases. The second repeats it with a checksum, so that a changed digit in either is
/// detected, and corrected from the other.
enum FormatFile {
    /// The contents of the file.
    enum Content: Equatable {
        case format(Int)
        /// One of the two lines is damaged or missing; the other has this format.
        case half(Int)
        /// The file is missing, empty, or full of zeros.
        case absent
        /// The file has other contents.
        case damaged
    }

    /// The first format with a second line.
    private static let firstChecked = 3

    static func text(_ format: Int) -> String {
        "\(format)\n\(self.line(format))\n"
    }

    private static func line(_ format: Int) -> String {
        let line = "ttms-relay store, format \(format), check "
        let check = String(CommitMark.checksum(of: Array(line.utf8)[...]), radix: 16)
        return line + String(repeating: "0", count: max(0, 16 - check.count)) + check
    }

    /// Reads the file with the descriptor `file`; a negative one means that it is missing.
    static func read(_ file: CInt) throws(StoreError) -> Content {
        guard file >= 0 else { return .absent }
        var bytes = [UInt8](repeating: 0, count: 256)
        let size = pread(file, &bytes, bytes.count, 0)
        guard size >= 0 else { throw RocksDBFailure.system("Reading the store's file format") }
        return self.content(of: bytes[..<size])
    }

    static func content(of bytes: ArraySlice<UInt8>) -> Content {
        guard bytes.contains(where: { $0 != 0 }) else { return .absent }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        let first = lines.first.flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        let words = lines.dropFirst().first?.split(whereSeparator: { " ,".contains($0) }) ?? []
        let second = words.firstIndex(of: "format").flatMap { words.dropFirst($0 + 1).first }.flatMap { Int($0) }
        if let second, lines[1] == Self.line(second) { return first == second ? .format(second) : .half(second) }
        guard let first else { return .damaged }
        // A later release writes a second line that matches, too: with one that does not, the number is no later format but a changed one.
        if first > StoreDirectory.format, let other = lines.dropFirst().first, !other.isEmpty { return .damaged }
        return first < Self.firstChecked ? .format(first) : .half(first)
    }
}
