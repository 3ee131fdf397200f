import Foundation
import TestKit
import Testing

/// A file system of its own (ext4 in a file) that the kernel makes read-only while files on it are open for writing, as it does
/// when it finds an error: `mount -o remount,ro` refuses that.
final class ReadOnlyDisk {
    /// Where it is mounted.
    let url: URL
    private let directory: TemporaryDirectory
    private var image: String { self.directory.url.appendingPathComponent("image").path }

    /// Why the tests that need one are skipped.
    static let reason: Comment = "a disk that turns read-only needs root, loop devices and mkfs.ext4, to make one"

    static let isPossible = geteuid() == 0 && (try? ReadOnlyDisk().turnReadOnly()) != nil

    private struct Unavailable: Error {}

    /// Makes and mounts 64 MiB.
    ///
    /// - Parameter block: bytes of the file system's blocks.
    init(block: Int = 4_096) throws {
        self.directory = try TemporaryDirectory()
        self.url = self.directory.url.appendingPathComponent("disk")
        try FileManager.default.createDirectory(at: self.url, withIntermediateDirectories: false)
        guard FileManager.default.createFile(atPath: self.image, contents: nil), truncate(self.image, 64 << 20) == 0 else {
            throw Unavailable()
        }
        try SystemCommand.run("mkfs.ext4", "-q", "-F", "-b", "\(block)", self.image)
        try self.mountAgain()
    }

    deinit {
        umount2(self.url.path, Int32(MNT_DETACH))
    }

    /// Has the kernel find an error, whereupon nothing is written any more.
    func turnReadOnly() throws {
        var status = stat()
        guard stat(self.url.path, &status) == 0 else { throw Unavailable() }
        // The device that the kernel has made of the file, by its number.
        let device = "/sys/dev/block/\(major(status.st_dev)):\(minor(status.st_dev))"
        let name = URL(fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: device)).lastPathComponent
        let trigger = try FileHandle(forWritingTo: URL(fileURLWithPath: "/sys/fs/ext4/\(name)/trigger_fs_error"))
        try trigger.write(contentsOf: Data("1".utf8))
        try trigger.close()
        let probe = self.url.appendingPathComponent("probe").path
        let file = open(probe, O_WRONLY | O_CREAT, 0o600)
        guard file < 0 else {
            close(file)
            throw Unavailable()
        }
    }

    /// Takes the file system out and mounts it again, repaired. Nobody may have a file open on it.
    func repair() throws {
        guard umount2(self.url.path, 0) == 0 else { throw Unavailable() }
        // Ends with 1 when it has corrected something, as the mark of the error.
        try SystemCommand.run("e2fsck", "-p", self.image, atMost: 1)
        try self.mountAgain()
    }

    private func mountAgain() throws {
        try SystemCommand.run("mount", "-o", "loop,errors=remount-ro", self.image, self.url.path)
    }

    private func major(_ device: dev_t) -> UInt64 { (UInt64(device) >> 8 & 0xfff) | (UInt64(device) >> 32 & ~0xfff) }
    private func minor(_ device: dev_t) -> UInt64 { (UInt64(device) & 0xff) | (UInt64(device) >> 12 & ~0xff) }
}
