/// The parts of a request's target, each as received.
///
/// Parsed from the target itself, because the library's query has a space for each `+`, and does not separate scheme and host.
struct RequestTarget: Equatable, Sendable {
    /// The host and port of an absolute target (RFC 9112, 3.2.2); `nil` for any other target.
    var authority: String?
    /// The path without the query; `*` for the target of an OPTIONS request for the server.
    var path: String
    /// The query's parameters in their order, with escapes and `+` as received.
    var query: [RequestHead.Field]

    private static let schemes = ["http://", "https://"]

    /// Splits a target at bytes, because a combining mark after an ASCII character would form another character with it.
    init(_ text: String) {
        var rest = Substring(text).utf8
        let isSame = { (byte: UInt8, other: UInt8) in
            String(UnicodeScalar(byte)).asciiLowercased == String(UnicodeScalar(other))
        }
        if let scheme = Self.schemes.first(where: { rest.prefix($0.utf8.count).elementsEqual($0.utf8, by: isSame) }) {
            rest = rest.dropFirst(scheme.utf8.count)
            let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
            self.authority = String(Substring(authority))
            rest = rest[authority.endIndex...]
        }
        let path = rest.prefix { $0 != UInt8(ascii: "?") }
        self.path = path.isEmpty && self.authority != nil ? "/" : String(Substring(path))
        self.query = rest[path.endIndex...].dropFirst().split(separator: UInt8(ascii: "&")).map { parameter in
            let name = parameter.prefix { $0 != UInt8(ascii: "=") }
            let value = name.endIndex == parameter.endIndex ? nil : parameter[name.endIndex...].dropFirst()
            return RequestHead.Field(name: String(Substring(name)), value: value.map { String(Substring($0)) })
        }
    }
}
