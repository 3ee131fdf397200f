import Foundation
import Logging
import NIOCore
import RelayCore
import TTMSProtocol

@testable import RelayStorage

/// A directory that is gone when the test is over.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("ttms-store-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        self.path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }

    /// Names of the files in `queue/` that end so.
    func files(_ suffix: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(self.path)/queue")
            .filter { $0.hasSuffix(suffix) }.sorted().map { "\(self.path)/queue/\($0)" }
    }

    /// Bytes that all files take.
    func size() throws -> Int {
        guard let files = FileManager.default.enumerator(atPath: self.path) else { return 0 }
        return files.reduce(0) { sum, _ in sum + ((files.fileAttributes?[.size] as? Int) ?? 0) }
    }

    /// What the kernel has of every file now: what a process that is killed leaves behind.
    func copy() throws -> TemporaryDirectory {
        while true {
            let copy = try TemporaryDirectory()
            try FileManager.default.removeItem(atPath: copy.path)
            do {
                try FileManager.default.copyItem(atPath: self.path, toPath: copy.path)
                return copy
            } catch CocoaError.fileReadNoSuchFile, CocoaError.fileNoSuchFile {
                // RocksDB has deleted a file that was no longer needed, between being listed and being copied.
                continue
            }
        }
    }
}

/// The stores that the contract is about.
enum StoreKind: CaseIterable {
    case memory
    case rocksDB

    /// Calls `body` with a new store, and closes it.
    func withStore(_ limits: StoreLimits = StoreLimits(), _ body: (any MessageStore) throws -> Void) throws {
        switch self {
        case .memory: try body(MemoryStore(limits: limits))
        case .rocksDB:
            let directory = try TemporaryDirectory()
            let store = try RocksDBStore.open(directory, limits: limits)
            try body(store)
            try store.close()
        }
    }
}

extension RocksDBStore {
    /// Opens the store in `directory` with no logging.
    static func open(
        _ directory: TemporaryDirectory,
        limits: StoreLimits = StoreLimits(),
        reclaimBytes: Int = 64 << 20
    ) throws(StoreError) -> RocksDBStore {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return try RocksDBStore(directory: directory.path, limits: limits, logger: logger, reclaimBytes: reclaimBytes)
    }
}

extension MessageStore {
    /// Appends the UTF-8 of `text`, as a frame, at `second`.
    @discardableResult
    func append(
        _ text: String,
        to ccid: CCID,
        at second: Int64 = 0,
        timeToLive: UInt32? = nil,
        isInFlight: Bool = false,
        isTraced: Bool = false
    ) throws(StoreError) -> AppendOutcome {
        try self.append(
            Array(text.utf8),
            to: ccid,
            at: second,
            timeToLive: timeToLive,
            isInFlight: isInFlight,
            isTraced: isTraced
        )
    }

    /// Appends `frame` at `second`.
    @discardableResult
    func append(
        _ frame: [UInt8],
        to ccid: CCID,
        at second: Int64 = 0,
        timeToLive: UInt32? = nil,
        isInFlight: Bool = false,
        isTraced: Bool = false
    ) throws(StoreError) -> AppendOutcome {
        let outcome = frame.withUnsafeBytes { bytes in
            Result { () throws(StoreError) in
                try self.append(
                    bytes,
                    to: ccid,
                    acceptedAt: .second(second),
                    timeToLive: timeToLive,
                    isInFlight: isInFlight,
                    isTraced: isTraced
                )
            }
        }
        return try outcome.get()
    }

    /// Reads frames and gives back their texts.
    func read(_ ccid: CCID, maximumBytes: Int = 1 << 20, at second: Int64 = 0) throws(StoreError) -> [String] {
        try self.readNext(of: ccid, maximumBytes: maximumBytes, now: .second(second)).texts
    }

    /// The texts of all messages kept for `ccid`.
    func texts(_ ccid: CCID) throws(StoreError) -> [String] {
        try self.messages(of: ccid, after: nil, limit: .max).map(\.text)
    }
}

extension Timestamp {
    /// A second of 2026 or so.
    static func second(_ second: Int64) -> Timestamp {
        Timestamp(microseconds: 1_770_000_000_000_000).advanced(bySeconds: second)
    }
}

extension StoredMessage {
    var text: String { String(decoding: self.frame, as: UTF8.self) }
}

extension StoredRun {
    /// The frames between the marks.
    var frames: [[UInt8]] {
        var start = self.bytes.readerIndex
        return self.marks.map { mark in
            defer { start = mark.end }
            return self.bytes.getBytes(at: start, length: mark.end - start) ?? []
        }
    }

    var texts: [String] { self.frames.map { String(decoding: $0, as: UTF8.self) } }
}

extension AppendOutcome {
    /// The id; `nil` when the frame was refused.
    var id: MessageID? {
        guard case .queued(let id) = self else { return nil }
        return id
    }
}

extension CCID {
    static let a = CCID(rawValue: 0xa)
    static let b = CCID(rawValue: 0xb)
    static let c = CCID(rawValue: 0xc)
}
