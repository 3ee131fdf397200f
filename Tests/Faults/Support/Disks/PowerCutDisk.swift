import Foundation
import TestKit

/// A disk that forgets at a power cut what was not synced: a directory, watched by the library in `Tests/PowerCut`, which is
/// preloaded into the program that works there and says by which rules.
final class PowerCutDisk: Sendable {
    /// The account of what is durable was not as the library writes it.
    struct Unreadable: Error, CustomStringConvertible {
        let description: String
    }

    private let root: TemporaryDirectory
    private let rules: [String: String]

    /// Makes an empty disk.
    ///
    /// - Parameters:
    ///   - writeBack: percent of the pages and names that become durable unasked; which ones, `seed` decides.
    ///   - lies: whether a sync succeeds and does nothing.
    init(writeBack: Int = 0, seed: UInt32 = 1, lies: Bool = false) throws {
        self.root = try TemporaryDirectory()
        var rules = ["POWER_CUT_WRITE_BACK": "\(writeBack)", "POWER_CUT_SEED": "\(seed)"]
        if lies { rules["POWER_CUT_LYING_DISK"] = "1" }
        self.rules = rules
        for directory in [self.url, self.durable] {
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        }
    }

    /// Where the program's files are.
    var url: URL { self.root.url.appendingPathComponent("disk") }
    private var durable: URL { self.root.url.appendingPathComponent("durable") }

    /// What a program has to be started with so that it works on this disk.
    var environment: [String: String] {
        get throws {
            let library = try BuiltProgram.url("libPowerCut.so")
            return self.rules.merging(
                ["LD_PRELOAD": library.path, "POWER_CUT_DISK": self.url.path, "POWER_CUT_DURABLE": self.durable.path]
            ) { $1 }
        }
    }

    /// With this the power is cut by itself when the program asks for its `count`-th sync.
    static func cut(atSync count: Int) -> [String: String] { ["POWER_CUT_AT_SYNC": "\(count)"] }

    /// Leaves on the disk what was durable. The program has to have been killed.
    ///
    /// - Throws: ``Unreadable``; what `FileManager` throws.
    func cutPower() throws {
        try FileManager.default.removeItem(at: self.url)
        try self.restore(1, to: self.url)
        try FileManager.default.removeItem(at: self.durable)
        try FileManager.default.createDirectory(at: self.durable, withIntermediateDirectories: false)
    }

    private func restore(_ directory: Int, to url: URL) throws {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        let listing = self.durable.appendingPathComponent("\(directory).dir")
        // Of a directory that was never synced the name may be durable, but no name in it.
        guard FileManager.default.fileExists(atPath: listing.path) else { return }
        for line in try String(contentsOf: listing, encoding: .utf8).split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 2)
            guard parts.count == 3, let number = Int(parts[0]), let mode = mode_t(parts[1], radix: 8) else {
                throw Unreadable(description: "'\(line)' in \(listing.path)")
            }
            let target = url.appendingPathComponent(String(parts[2]))
            if mode & S_IFMT == S_IFDIR {
                try self.restore(number, to: target)
            } else {
                let content = self.durable.appendingPathComponent("\(number)")
                if FileManager.default.fileExists(atPath: content.path) {
                    try FileManager.default.copyItem(at: content, to: target)
                } else {
                    try Data().write(to: target)
                }
            }
            try FileManager.default.setAttributes([.posixPermissions: Int(mode & 0o7777)], ofItemAtPath: target.path)
        }
    }

    /// The files on the disk with what is in them, by their paths.
    var files: [String: String] {
        get throws {
            let paths = try FileManager.default.subpathsOfDirectory(atPath: self.url.path)
            return try paths.reduce(into: [:]) { files, path in
                let url = self.url.appendingPathComponent(path)
                let type = try FileManager.default.attributesOfItem(atPath: url.path)[.type] as? FileAttributeType
                if type == .typeRegular { files[path] = try String(contentsOf: url, encoding: .utf8) }
            }
        }
    }
}
