import Foundation
import TestKit
import Testing

/// A disk of its own that is soon full, where the tests may mount one.
final class SmallDisk {
    /// What kind of file system is on it.
    enum Kind: Sendable, CustomTestStringConvertible {
        /// In memory: a write fails at once where there is no page left.
        case tmpfs
        /// ext4 in a file, with blocks of so many bytes.
        case ext4(block: Int, mebibytes: Int = 64)

        var testDescription: String {
            switch self {
            case .tmpfs: "tmpfs"
            case .ext4(let block, let mebibytes): "ext4 of \(mebibytes) MiB with blocks of \(block) bytes"
            }
        }
    }

    /// Where it is mounted.
    let url: URL
    private let directory: TemporaryDirectory

    /// Why the tests that need one are skipped.
    static let reason: Comment = "a full disk needs root, to mount a small one"

    static let isPossible = (try? SmallDisk()) != nil

    /// All that the machine can mount: ext4 needs loop devices and mkfs.ext4.
    static let kinds = mountable([.ext4(block: 1_024), .ext4(block: 4_096), .tmpfs])

    /// Those of `kinds` that the machine can mount.
    static func mountable(_ kinds: [Kind]) -> [Kind] { kinds.filter { (try? SmallDisk($0)) != nil } }

    /// Mounts ext4, or 32 MiB in memory.
    init(_ kind: Kind = .tmpfs) throws {
        self.directory = try TemporaryDirectory()
        self.url = self.directory.url.appendingPathComponent("disk")
        try FileManager.default.createDirectory(at: self.url, withIntermediateDirectories: false)
        guard geteuid() == 0 else { throw Unmountable() }
        switch kind {
        case .tmpfs:
            guard mount("tmpfs", self.url.path, "tmpfs", 0, "size=32m") == 0 else { throw Unmountable() }
        case .ext4(let block, let mebibytes):
            let image = self.directory.url.appendingPathComponent("image").path
            guard FileManager.default.createFile(atPath: image, contents: nil), truncate(image, mebibytes << 20) == 0 else {
                throw Unmountable()
            }
            try SystemCommand.run("mkfs.ext4", "-q", "-F", "-b", "\(block)", image)
            try SystemCommand.run("mount", "-o", "loop", image, self.url.path)
        }
    }

    private struct Unmountable: Error {}

    deinit {
        umount2(self.url.path, Int32(MNT_DETACH))
    }

    private var filler: String { self.url.appendingPathComponent("filler").path }

    /// Takes all room that is left, to the last block, but for `bytes`.
    func fill(leaving bytes: Int = 0) {
        defer { if bytes > 0 { self.shorten(by: bytes) } }
        let file = open(self.filler, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        for size in [1 << 20, 4_096, 512] {
            let block = [UInt8](repeating: 1, count: size)
            while write(file, block, block.count) > 0 {}
        }
        close(file)
    }

    private func shorten(by bytes: Int) {
        var status = stat()
        guard stat(self.filler, &status) == 0 else { return }
        truncate(self.filler, max(0, status.st_size - bytes))
        // What a journal holds back is free only then.
        sync()
    }

    /// Gives it back.
    func free() {
        unlink(self.filler)
    }

    /// Bytes that a process without privileges can write.
    var available: Int {
        var statistics = statvfs()
        return statvfs(self.url.path, &statistics) == 0 ? Int(statistics.f_bavail) * Int(statistics.f_frsize) : 0
    }
}
