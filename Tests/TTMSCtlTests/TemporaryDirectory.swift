import Foundation

/// A directory that is gone when a test is.
struct TemporaryDirectory {
    /// Without a slash at its end.
    let path: String

    /// Writes a file, and returns its path.
    func write(_ content: [UInt8], to name: String) throws -> String {
        let path = "\(self.path)/\(name)"
        try Data(content).write(to: URL(filePath: path))
        return path
    }
}

/// Calls `body` with a new, empty directory.
func withTemporaryDirectory(_ body: (TemporaryDirectory) throws -> Void) throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "ttmsctl-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: url) }
    try body(TemporaryDirectory(path: url.path()))
}
