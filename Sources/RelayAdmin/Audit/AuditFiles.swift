import Glibc

/// The audit log on disk: a directory of files, each of JSON lines and called by the id of its first line. Ids have no gaps in a
/// file, so that the name and the number of lines tell all of them, and a line that was torn by a power cut tells nothing.
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

    /// The files in the order of their ids; what is called otherwise is not ours.
    static func all(in directory: String) throws(KeptFile.Failure) -> [File] {
        guard let stream = opendir(directory) else { throw KeptFile.Failure("read") }
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

    /// Whether a file holds no line, or zeros where its first line has to be: what a disk gives back that has lost the content.
    static func isHollow(_ contents: [UInt8]) -> Bool {
        self.wholeBytes(of: contents) == 0 || contents.first == 0
    }

    /// The bytes up to the last line feed.
    static func wholeBytes(of contents: [UInt8]) -> Int {
        contents.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    }
}
