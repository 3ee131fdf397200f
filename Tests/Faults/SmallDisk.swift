import Foundation
import TestKit
import Testing

/// A disk of its own that is soon full, where the tests may mount one.
final class SmallDisk {
    /// Where it is mounted.
    let url: URL
    private let directory: TemporaryDirectory

    /// Why the tests that need one are skipped.
    static let reason: Comment = "a full disk needs root, to mount a small one"

    static let isPossible = (try? SmallDisk()) != nil

    /// Mounts 32 MiB: room for a store and what opening it anew takes, and too little for a log to be set aside as a whole, which
    /// would let it grow when the disk is full.
    init() throws {
        self.directory = try TemporaryDirectory()
        self.url = self.directory.url
        guard geteuid() == 0, mount("tmpfs", self.url.path, "tmpfs", 0, "size=32m") == 0 else { throw Unmountable() }
    }

    private struct Unmountable: Error {}

    deinit {
        umount2(self.url.path, Int32(MNT_DETACH))
    }

    private var filler: String { self.url.appendingPathComponent("filler").path }

    /// Takes all room that is left.
    func fill() {
        let file = open(self.filler, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        let block = [UInt8](repeating: 1, count: 4_096)
        while write(file, block, block.count) > 0 {}
        close(file)
    }

    /// Gives it back.
    func free() {
        unlink(self.filler)
    }
}
