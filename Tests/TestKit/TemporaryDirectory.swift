import Foundation

/// A directory of its own, removed with everything in it when it is no longer used.
public final class TemporaryDirectory: Sendable {
    /// Where it is.
    public let url: URL

    /// Makes an empty directory.
    public init() throws {
        self.url = FileManager.default.temporaryDirectory.appendingPathComponent("ttms-relay-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: self.url)
    }
}
