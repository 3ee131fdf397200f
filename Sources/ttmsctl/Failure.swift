/// Why a command did not do what it was asked to.
struct Failure: Error, Equatable, Sendable {
    /// What the process ends with.
    var status: EndStatus
    /// What happened, what it means, what to do.
    var message: String

    /// Makes a failure.
    init(_ status: EndStatus, _ message: String) {
        self.status = status
        self.message = message
    }
}

/// What the process ends with; the numbers are those of sysexits.h where it has one.
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

    /// What it tells a script.
    var meaning: String {
        switch self {
        case .done: "done"
        case .refused: "refused, or not got what was waited for, or the store is damaged"
        case .usage: "the command line is wrong"
        case .badInput: "a file that was to be sent is not UTF-8, not JSON, or too large"
        case .noInput: "a file or store that was named cannot be read"
        case .unavailable: "no relay was found, or it cannot be reached, or it does not answer"
        case .defect: "ttmsctl itself failed"
        case .outputFailed: "what it prints cannot be written"
        case .busy: "a relay works on the store"
        case .notUnderstood: "what answered, or lies there, is nothing this ttmsctl understands"
        case .noPermission: "no token that is right and allows this, or it or the store may not be read"
        }
    }

    /// All of them, a line each.
    static var help: String {
        Self.allCases.map { "  \($0.rawValue < 10 ? " " : "")\($0.rawValue)  \($0.meaning)" }.joined(separator: "\n")
    }
}
