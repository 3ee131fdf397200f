import Foundation

/// Programs of the system, which may be missing.
public enum InstalledProgram {
    /// Finds a program in the directories of `PATH`; `nil` when it is in none.
    public static func url(_ name: String) -> URL? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
            .map { URL(fileURLWithPath: String($0)).appendingPathComponent(name) }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    }
}
