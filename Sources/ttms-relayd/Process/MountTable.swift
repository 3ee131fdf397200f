import Foundation

/// The configured and the present mounts of the machine. A disk that is not mounted leaves an empty directory in its place.
struct MountTable {
    /// The contents of `/etc/fstab`.
    var configured: String
    /// The contents of `/proc/self/mounts`.
    var mounted: String

    /// The tables of this machine.
    static var current: MountTable {
        func read(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
        return MountTable(configured: read("/etc/fstab"), mounted: read("/proc/self/mounts"))
    }

    /// The directory at or above `path`, an absolute path, on which a configured file system is not mounted; `nil` when there
    /// is none.
    func missingMount(of path: String) -> String? {
        let mounted = Set(Self.points(self.mounted))
        return Self.points(self.configured).first { point in
            point != "/" && (path == point || path.hasPrefix(point + "/")) && !mounted.contains(point)
        }
    }

    private static func points(_ table: String) -> [String] {
        table.split(separator: "\n").compactMap { line in
            let fields = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard fields.count >= 2, !fields[0].hasPrefix("#"), fields[1].hasPrefix("/") else { return nil }
            var point = fields[1].replacing("\\040", with: " ").replacing("\\011", with: "\t").replacing("\\134", with: "\\")
            while point.count > 1, point.hasSuffix("/") { point.removeLast() }
            return String(point)
        }
    }
}
