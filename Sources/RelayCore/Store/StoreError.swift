/// What a store could not do, said so that an operator knows what happened, what it means and what to do.
public struct StoreError: Error, Equatable, Sendable {
    /// What kind of trouble it is; stable, for metrics and exit codes.
    public enum Code: String, Sendable {
        /// The disk has no room (ENOSPC, EDQUOT).
        case diskFull = "disk_full"
        /// Reading, writing or syncing failed.
        case inputOutput = "input_output"
        /// What is on disk contradicts its checksums or itself.
        case damaged
        /// A newer release wrote the store.
        case newerFormat = "newer_format"
        /// Another process has the store open.
        case inUse = "in_use"
        /// There is no store where one was to be looked at.
        case missing
        /// The store that is open is no longer where it was, or files of it are gone.
        case displaced
        /// This user may not read the store.
        case noPermission = "no_permission"
        /// Anything else that the library reports.
        case other

        /// Trying again cannot help: what is on disk is not what this process wrote there, or can read.
        public var isLasting: Bool {
            switch self {
            case .damaged, .newerFormat, .missing: true
            case .diskFull, .inputOutput, .inUse, .displaced, .noPermission, .other: false
            }
        }
    }

    /// The kind of trouble.
    public let code: Code
    /// A sentence or two: what happened, what it means, what to do.
    public let message: String

    /// Makes an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

extension StoreError: CustomStringConvertible {
    /// The message, with the code in front.
    public var description: String { "\(self.code.rawValue): \(self.message)" }
}
