import Foundation

/// The programs of this package, as the build has left them.
public enum BuiltProgram {
    /// No such program where the tests were built.
    public struct NotFound: Error, CustomStringConvertible {
        /// Where it was looked for.
        public let description: String
    }

    /// Finds a program or a dynamic library: where the environment says (`BUILT_TTMS_RELAYD` for `ttms-relayd`), or beside
    /// the test bundle.
    ///
    /// - Throws: ``NotFound``.
    public static func url(_ name: String) throws -> URL {
        // Not `TTMS_…`: the relay would refuse it as a setting that there is not.
        let variable = "BUILT_" + String(name.uppercased().map { $0.isLetter || $0.isNumber ? $0 : "_" })
        let candidates =
            ProcessInfo.processInfo.environment[variable].map { [URL(fileURLWithPath: $0)] }
            ?? Self.buildDirectories.map { $0.appendingPathComponent(name) }
        guard let found = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0.path) }) else {
            let places = candidates.map(\.path).joined(separator: ", ")
            throw NotFound(description: "\(name) is not at \(places); build it, or set \(variable) to its path")
        }
        return found
    }

    /// On Linux the tests are a program in the build directory; on macOS they are a bundle in it.
    private static var buildDirectories: [URL] {
        let program = URL(fileURLWithPath: ProcessInfo.processInfo.arguments[0]).resolvingSymlinksInPath()
        return [program.deletingLastPathComponent()] + Bundle.allBundles.map { $0.bundleURL.deletingLastPathComponent() }
    }
}
