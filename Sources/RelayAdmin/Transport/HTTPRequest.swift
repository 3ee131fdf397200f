import AdminAPI
import RelayCore
import TTMSProtocol

/// A request in its endpoint: routed, allowed, with a query known to the route, and a complete body.
struct HTTPRequest: Sendable {
    /// The head.
    let head: RequestHead
    /// The caller; `nil` where a route is open.
    let caller: Caller?
    /// The values of the parameters in the route's path, decoded.
    let parameters: [String: String]
    /// The query.
    let query: QueryParameters
    /// The body; empty when there is none.
    let body: [UInt8]

    /// The terminal in the path.
    ///
    /// - Throws: ``ProblemDetails``.
    var ccid: CCID {
        get throws {
            let text = self.parameters["ccid"] ?? ""
            guard let ccid = CCID(text) else {
                throw ProblemDetails(
                    .invalidCCID,
                    detail: "A CCID is 8 hex digits such as 0000002a; the path contains another text."
                )
            }
            return ccid
        }
    }

    /// The message in the path.
    ///
    /// - Throws: ``ProblemDetails``.
    var messageID: MessageID {
        get throws { MessageID(rawValue: try self.number(of: "message")) }
    }

    /// The connection in the path.
    ///
    /// - Throws: ``ProblemDetails``.
    var connectionID: UInt64 {
        get throws { try self.number(of: "connection") }
    }

    private func number(of thing: String) throws -> UInt64 {
        let text = self.parameters["id"] ?? ""
        // Digits only: with a sign, one thing would have two addresses.
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let number = UInt64(text)
        else {
            throw ProblemDetails(.invalidID, detail: "A \(thing)'s id is a decimal number of up to 64 bits.")
        }
        return number
    }

    /// The body's media type in lower case, without its parameters; empty when it is not given.
    var mediaType: String {
        let value = self.head.values("content-type").first ?? ""
        let type = value.prefix { $0 != ";" }.lowercased()
        return String(type.filter { $0 != " " && $0 != "\t" })
    }
}
