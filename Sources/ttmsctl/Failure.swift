/// The failure of a command.
struct Failure: Error, Equatable, Sendable {
    /// The exit code of the process.
    var status: EndStatus
    /// A text that says what happened, what it means and what to do.
    var message: String

    init(_ status: EndStatus, _ message: String) {
        self.status = status
        self.message = message
    }
}

/// The exit codes; the numbers are those of sysexits.h where it has one.
enum EndStatus: Int32, CaseIterable, Sendable {
    case done = 0
    case refused = 1
    case usage = 64
    case badInput = 65
    case noInput = 66
    case unavailable = 69
    case defect = 70
    case outputFailed = 74
    case busy = 75
    case notUnderstood = 76
    case noPermission = 77

    /// The meaning of the code, for the help.
    var meaning: String {
        switch self {
        case .done: "done"
        case .refused: "refused, or not done in time, or the store is damaged"
        case .usage: "the command line is wrong"
        case .badInput: "an input file is not UTF-8, not JSON, or too large"
        case .noInput: "an input file or a store cannot be read"
        case .unavailable: "no relay was found, or it cannot be reached, or it does not answer"
        case .defect: "ttmsctl itself failed"
        case .outputFailed: "the output cannot be written"
        case .busy: "a relay is using the store"
        case .notUnderstood: "the answer or the store has a form that this ttmsctl does not know"
        case .noPermission: "the token is missing, wrong or insufficient, or a file may not be read"
        }
    }

    /// All codes with their meanings, one per line.
    static var help: String {
        Self.allCases.map { "  \($0.rawValue < 10 ? " " : "")\($0.rawValue)  \($0.meaning)" }.joined(separator: "\n")
    }
}
