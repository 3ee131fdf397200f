import CRocksDB
import Glibc
import RelayCore

/// Converts RocksDB's failures, which are texts. No other code reads those texts.
enum RocksDBFailure {
    /// Calls RocksDB, and throws the failure that it reports.
    ///
    /// - Parameter action: the attempted action, as the subject of "… failed".
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

    /// The error for RocksDB's `text`, with advice for the operator.
    static func error(_ text: String, action: String) -> StoreError {
        let code = self.code(text)
        let advice = code == .inputOutput || code == .noPermission ? SystemError(in: text)?.advice ?? "" : ""
        return StoreError(code, "\(action) failed: \(text). \(advice.isEmpty ? self.advice(code) : advice)")
    }

    /// The texts of the system and of RocksDB for lack of space.
    private static let wantsOfRoom = [
        "No space left on device", "Disk quota exceeded", "Space limit reached", "Max allowed space was reached",
        "Compaction too large",
    ]

    private static func code(_ text: String) -> StoreError.Code {
        if self.wantsOfRoom.contains(where: text.contains) { return .diskFull }
        if text.hasPrefix("Corruption") { return .damaged }
        // A store is opened only where one was created: a missing file was removed.
        if text.contains("No such file or directory") || text.contains("create_if_missing is false") { return .damaged }
        if text.contains("Permission denied") || text.contains("Operation not permitted") { return .noPermission }
        // The lock is held by another process, and not refused for lack of locks.
        let isTaken = text.contains("While lock file") && text.contains(SystemError(EAGAIN).text)
        if text.contains("lock hold by current process") || isTaken { return .inUse }
        return text.hasPrefix("IO error") ? .inputOutput : .other
    }

    /// The advice for an operator.
    static func advice(_ code: StoreError.Code) -> String {
        switch code {
        case .diskFull: "Frames wait in memory and are written when there is space again: free disk space."
        case .inputOutput: "The disk or its driver refuses: check the kernel's log; the relay tries again."
        case .damaged:
            """
            Files of the store are changed or missing, so frames may be lost; nothing was deleted. Restore the data \
            directory from a backup, or move it away to start with an empty store.
            """
        case .inUse: "Another process uses this data directory, a relay or ttmsctl: end it, or name another directory."
        case .displaced:
            """
            Frames wait in memory, since data written now would be lost. Put back the moved files, or stop the relay, and \
            start it with the right data directory.
            """
        case .missing: "A relay makes it when it starts: name its data directory."
        case .noPermission: "Only the relay's user may read its store: run this as that user."
        case .newerFormat, .other: "Please report it with this text."
        }
    }

    /// The error of a failed start: no frame waits in memory, and nothing is tried again.
    static func atStart(_ error: StoreError) -> StoreError {
        let advice: String
        switch error.code {
        case .diskFull: advice = "The relay needs some space to start: free disk space, then start it again."
        case .inputOutput: advice = "The disk or its driver refuses: check the kernel's log, then start the relay again."
        default: return error
        }
        let former = self.advice(error.code)
        guard error.message.hasSuffix(former) else { return error }
        return StoreError(error.code, error.message.dropLast(former.count) + advice)
    }

    /// The error for data on disk that contradicts itself.
    static func damaged(_ what: String) -> StoreError {
        StoreError(.damaged, "\(what). \(self.advice(.damaged))")
    }

    /// The error for a store that cannot be shown to be whole: an operator has to decide.
    ///
    /// - Parameters:
    ///   - what: the known facts, as a sentence without its end.
    ///   - last: the last commit of the store.
    static func unproven(_ what: String, _ last: UInt64) -> StoreError {
        StoreError(
            .damaged,
            """
            \(what), and the store ends with commit \(last): the end of its log may be missing, and frames with it. Nothing \
            was deleted. Restore the data directory from a backup; or check the rest with `ttmsctl store check`, and accept \
            the loss with `ttmsctl store accept`.
            """
        )
    }

    /// The error for a failed system call, from `errno`; called right after it.
    ///
    /// - Parameter action: the attempted action, as the subject of "… failed".
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
