import Foundation
import TestKit

/// A wall clock that can be set, for relays started in its ``environment``: the library `FalseClock` in them reads its offset.
struct FalseClock {
    private let directory: TemporaryDirectory
    private var file: URL { self.directory.url.appendingPathComponent("ahead") }

    /// Makes a clock that is right.
    init() throws {
        self.directory = try TemporaryDirectory()
        try self.set(ahead: 0)
    }

    /// Sets the clock so many seconds ahead of the right time.
    func set(ahead seconds: Int64) throws {
        let bytes = withUnsafeBytes(of: seconds) { Data($0) }
        guard FileManager.default.fileExists(atPath: self.file.path) else { return try bytes.write(to: self.file) }
        // In place, because the relay has mapped the file.
        let handle = try FileHandle(forWritingTo: self.file)
        try handle.write(contentsOf: bytes)
        try handle.close()
    }

    /// What makes a program live by the clock.
    var environment: [String: String] {
        get throws {
            ["LD_PRELOAD": try BuiltProgram.url("libFalseClock.so").path, "FALSE_CLOCK_FILE": self.file.path]
        }
    }
}
