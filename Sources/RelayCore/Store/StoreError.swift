/// Failure of a store, with a message that states the cause, the effect and the remedy.
public struct StoreError: Error, Equatable, Sendable {
    /// Kind of failure; stable, for metrics and exit codes.
    public enum Code: String, Sendable {
        /// The disk has no room (ENOSPC, EDQUOT).
        case diskFull = "disk_full"
        /// Reading, writing or syncing failed.
        case inputOutput = "input_output"
        /// The data on disk contradicts its checksums or itself.
        case damaged
        /// A newer release wrote the store.
        case newerFormat = "newer_format"
        /// Another process has the store open.
        case inUse = "in_use"
        /// There is no store at the path that was to be read.
        case missing
        /// The open store was moved, or some of its files are missing.
        case displaced
        /// The user has no permission to read the store.
        case noPermission = "no_permission"
        /// Any other failure that the library reports.
        case other

        /// Whether a retry cannot succeed: the data on disk is not what this process wrote, or cannot be read.
        public var isLasting: Bool {
            switch self {
            case .damaged, .newerFormat, .missing: true
            case .diskFull, .inputOutput, .inUse, .displaced, .noPermission, .other: false
            }
        }
    }

    /// Kind of failure.
    public let code: Code
    /// One or two sentences: cause, effect, remedy.
    public let message: String

    /// Makes an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

extension StoreError: CustomStringConvertible {
    /// Code and message.
    public var description: String { "\(self.code.rawValue): \(self.message)" }
}
