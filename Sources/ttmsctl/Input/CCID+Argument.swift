import ArgumentParser
import TTMSProtocol

extension CCID: ExpressibleByArgument {
    /// Reads eight hex digits.
    public init?(argument: String) {
        self.init(argument)
    }
}

extension ArgumentHelp {
    /// Help for an argument that is a CCID: `abstract`, and the form of a CCID.
    static func ccid(_ abstract: String) -> ArgumentHelp {
        let end = abstract.hasSuffix(")") || abstract.hasSuffix(".") ? "" : "."
        return ArgumentHelp("\(abstract)\(end) A CCID is 8 hex digits.", valueName: "ccid")
    }
}
