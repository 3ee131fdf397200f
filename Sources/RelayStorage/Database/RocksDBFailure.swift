import CRocksDB
import Glibc
import RelayCore

/// RocksDB reports trouble as text. This is the one place that reads it.
enum RocksDBFailure {
    /// Calls into RocksDB, and throws what it reports.
    ///
    /// - Parameter action: what was tried, as the subject of "… failed".
    static func check<Result>(
        _ action: String,
        _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) throws(StoreError) -> Result {
        var text: UnsafeMutablePointer<CChar>?
        let result = body(&text)
        guard let text else { return result }
        defer { rocksdb_free(text) }
        throw self.error(String(cString: text), action: action)
    }

    /// What RocksDB's `text` means for an operator.
    static func error(_ text: String, action: String) -> StoreError {
        let code = self.code(text)
        let advice = code == .inputOutput || code == .noPermission ? SystemError(in: text)?.advice ?? "" : ""
        return StoreError(code, "\(action) failed: \(text). \(advice.isEmpty ? self.advice(code) : advice)")
    }

    /// The system's words, and those of RocksDB's own statuses for want of room.
    private static let wantsOfRoom = [
        "No space left on device", "Disk quota exceeded", "Space limit reached", "Max allowed space was reached",
        "Compaction too large",
    ]

    private static func code(_ text: String) -> StoreError.Code {
        if self.wantsOfRoom.contains(where: text.contains) { return .diskFull }
        if text.hasPrefix("Corruption") { return .damaged }
        // A store is opened only where one was made: a file that is missing has been taken away.
        if text.contains("No such file or directory") || text.contains("create_if_missing is false") { return .damaged }
        if text.contains("Permission denied") || text.contains("Operation not permitted") { return .noPermission }
        // The lock is taken, and not refused for want of locks.
        let isTaken = text.contains("While lock file") && text.contains(SystemError(EAGAIN).text)
        if text.contains("lock hold by current process") || isTaken { return .inUse }
        return text.hasPrefix("IO error") ? .inputOutput : .other
    }

    /// What an operator does about it.
    static func advice(_ code: StoreError.Code) -> String {
        switch code {
        case .diskFull: "Frames wait in memory and are written when there is room again: free disk space."
        case .inputOutput: "The disk or its driver refuses: look at the kernel's log; the relay tries again."
        case .damaged:
            """
            Files of the store are changed or missing, so frames may be lost; nothing was deleted. Restore the data \
            directory from a backup, or move it away to start with an empty store.
            """
        case .inUse: "Another process works on this data directory, a relay or ttmsctl: end it, or name another directory."
        case .displaced:
            """
            Frames wait in memory, since nobody would find what is written now. Put back what was moved, or stop the relay, and start \
            it with the right data directory.
            """
        case .missing: "A relay makes it when it starts: name its data directory."
        case .noPermission: "Only the relay's user may read its store: work as that user."
        case .newerFormat, .other: "Please report it with this text."
        }
    }

    /// The error at a start: nothing waits in memory, and nothing is tried again.
    static func atStart(_ error: StoreError) -> StoreError {
        let advice: String
        switch error.code {
        case .diskFull: advice = "The relay needs some room to start: free disk space, then start it again."
        case .inputOutput: advice = "The disk or its driver refuses: look at the kernel's log, then start the relay again."
        default: return error
        }
        let former = self.advice(error.code)
        guard error.message.hasSuffix(former) else { return error }
        return StoreError(error.code, error.message.dropLast(former.count) + advice)
    }

    /// What is on disk contradicts itself.
    static func damaged(_ what: String) -> StoreError {
        StoreError(.damaged, "\(what). \(self.advice(.damaged))")
    }

    /// The store as it is cannot be shown to be whole: somebody has to decide.
    ///
    /// - Parameters:
    ///   - what: what is known, as a sentence without its end.
    ///   - last: the commit that it ends with.
    static func unproven(_ what: String, _ last: UInt64) -> StoreError {
        StoreError(
            .damaged,
            """
            \(what), and the store ends with commit \(last): the end of its log may be missing, and frames with it. Nothing was \
            deleted. Restore the data directory from a backup; or have `ttmsctl store check` say what is left, and accept the loss of \
            the rest with `ttmsctl store accept`.
            """
        )
    }

    /// What `errno` says of a system call; to be called right after it.
    ///
    /// - Parameter action: what was tried, as the subject of "… failed".
    static func system(_ action: String) -> StoreError {
        let error = SystemError()
        let code: StoreError.Code =
            switch error.number {
            case ENOSPC, EDQUOT: .diskFull
            case EACCES, EPERM: .noPermission
            default: .inputOutput
            }
        let advice = code == .diskFull || error.advice.isEmpty ? self.advice(code) : error.advice
        return StoreError(code, "\(action) failed: \(error.text). \(advice)")
    }
}
