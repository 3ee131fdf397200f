import Foundation
import TestKit

/// How often a program has asked for memory since it was started in ``environment``: the library `AllocationCount` in it counts.
struct AllocationCount {
    private let directory: TemporaryDirectory
    private var file: URL { self.directory.url.appendingPathComponent("allocations") }

    /// Makes a count of 0.
    init() throws {
        self.directory = try TemporaryDirectory()
        try Data(count: MemoryLayout<UInt64>.size).write(to: self.file)
    }

    /// What makes a program count.
    var environment: [String: String] {
        get throws {
            ["LD_PRELOAD": try BuiltProgram.url("libAllocationCount.so").path, "ALLOCATION_COUNT_FILE": self.file.path]
        }
    }

    /// What it is now.
    var value: Int {
        get throws {
            let bytes = try Data(contentsOf: self.file)
            return bytes.withUnsafeBytes { Int(clamping: $0.loadUnaligned(as: UInt64.self)) }
        }
    }
}
