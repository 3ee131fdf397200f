import Glibc

/// The files of the audit log: JSON lines, each file named by the id of its first line. Ids have no gaps within a file, so that the
/// name and the number of lines determine all of them. A line that a power cut has torn does not count.
enum AuditFiles {
    /// A file of the log.
    struct File: Equatable, Sendable {
        /// The id of its first line.
        var first: UInt64
        var path: String

        init(first: UInt64, directory: String) {
            let digits = String(first)
            self.first = first
            self.path = "\(directory)/\(String(repeating: "0", count: 20 - digits.count))\(digits).jsonl"
        }
    }

    /// The files in the order of their ids; files with other names are ignored.
    static func all(in directory: String) throws(StateFile.Failure) -> [File] {
        guard let stream = opendir(directory) else { throw StateFile.Failure("read") }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
                }
            )
        }
        return
            names
            .filter { $0.hasSuffix(".jsonl") }
            .compactMap { UInt64($0.dropLast(6)).map { File(first: $0, directory: directory) } }
            .sorted { $0.first < $1.first }
    }

    /// The whole lines of a file's contents.
    static func lines(of contents: [UInt8]) -> [ArraySlice<UInt8>] {
        contents.prefix(Self.wholeBytes(of: contents)).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .dropLast()
    }

    /// Whether a file has no whole line, or begins with a zero: a disk that has lost the content returns that.
    static func isHollow(_ contents: [UInt8]) -> Bool {
        self.wholeBytes(of: contents) == 0 || contents.first == 0
    }

    /// The bytes up to the last line feed.
    static func wholeBytes(of contents: [UInt8]) -> Int {
        contents.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    }
}
