import AdminAPI
import RelayCore
import TTMSProtocol

/// The decoded query of a request. Every parameter is known to the route, and occurs once.
struct QueryParameters: Sendable {
    /// Items per page, unless the request sets it.
    static let defaultLimit = 100
    /// The range of items per page: a page is assembled in memory.
    static let limits = 1...1_000

    private var values: [String: String] = [:]

    /// - Parameter known: the names that the route uses.
    /// - Throws: ``ProblemDetails``.
    init(_ fields: [RequestHead.Field], known: [String]) throws(ProblemDetails) {
        // `?` alone, and `&` at the end, yield an empty field.
        for field in fields where !field.name.isEmpty || field.value != nil {
            guard let name = PercentDecoding.decodeForm(field.name), let value = PercentDecoding.decodeForm(field.value ?? "")
            else {
                throw ProblemDetails(.invalidParameter, detail: "The query is not percent-encoded UTF-8.")
            }
            guard known.contains(name) else {
                let allowed = known.isEmpty ? "This path takes none." : "This path takes \(known.joined(separator: ", "))."
                throw Self.invalid(name, "This path has no such parameter. \(allowed)")
            }
            guard self.values.updateValue(value, forKey: name) == nil else { throw Self.invalid(name, "It is given twice.") }
        }
    }

    /// The value of a parameter.
    subscript(name: String) -> String? { self.values[name] }

    /// Items per page, 1...1000.
    var limit: Int {
        get throws(ProblemDetails) {
            guard let limit = try self.number("limit", in: Self.limits) else { return Self.defaultLimit }
            return limit
        }
    }

    /// A CCID; `nil` when the parameter is not given.
    func ccid(_ name: String) throws(ProblemDetails) -> CCID? {
        guard let text = self[name] else { return nil }
        guard let ccid = CCID(text) else { throw Self.invalid(name, "It has to be a CCID: 8 hex digits such as 0000002a.") }
        return ccid
    }

    /// A decimal number; `nil` when the parameter is not given.
    func number<Number: FixedWidthInteger>(
        _ name: String,
        in range: ClosedRange<Number>
    ) throws(ProblemDetails) -> Number? {
        guard let text = self[name] else { return nil }
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let number = Number(text),
            range.contains(number)
        else {
            throw Self.invalid(name, "It has to be a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    /// One of a few words; `nil` when the parameter is not given.
    func word<Word: RawRepresentable<String> & CaseIterable>(
        _ name: String,
        as type: Word.Type
    ) throws(ProblemDetails) -> Word? {
        guard let text = self[name] else { return nil }
        guard let word = Word(rawValue: text) else {
            throw Self.invalid(name, "It has to be one of \(type.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return word
    }

    /// `true` or `false`; `nil` when the parameter is not given.
    func flag(_ name: String) throws(ProblemDetails) -> Bool? {
        switch self[name] {
        case nil: return nil
        case "true": return true
        case "false": return false
        default: throw Self.invalid(name, "It has to be true or false.")
        }
    }

    /// A time in milliseconds since 1970; `nil` when the parameter is not given.
    func time(_ name: String) throws(ProblemDetails) -> Int64? {
        // An unescaped plus sign of an offset is decoded as a space, which no time contains.
        guard let text = self[name].map({ String($0.map { $0 == " " ? "+" : $0 }) }) else { return nil }
        guard let time = APITime.milliseconds(text) else {
            throw Self.invalid(name, "It has to be an RFC 3339 time such as 2023-11-14T22:13:20Z.")
        }
        return time
    }

    /// An IP address, or a network of them; `nil` when the parameter is not given.
    func network(_ name: String) throws(ProblemDetails) -> IPNetwork? {
        guard let text = self[name] else { return nil }
        guard let range = IPNetwork(text) else {
            throw Self.invalid(name, "It has to be an IP address, or a network such as 192.0.2.0/24 or 2001:db8::/32.")
        }
        return range
    }

    /// Whether a sorted list begins with the highest.
    var isDescending: Bool {
        get throws(ProblemDetails) { try self.word("order", as: SortOrder.self) == .descending }
    }

    /// Names a list by its filters, for its cursors.
    func listName(_ names: [String]) -> String {
        names.map { "\(self[$0] ?? "")." }.joined()
    }

    /// The position of the page in the parameter `cursor`; `nil` for the first page.
    func position(in list: String) throws(ProblemDetails) -> ListPosition? {
        guard let text = self["cursor"] else { return nil }
        guard let position = ListPosition(try Cursor(text, of: list).position) else { throw Cursor.invalid }
        return position
    }

    /// The problem of one parameter.
    static func invalid(_ name: String, _ detail: String) -> ProblemDetails {
        ProblemDetails(
            .invalidParameter,
            detail: "The query parameter \(name) is wrong: \(detail)",
            errors: [ProblemDetails.Flaw(pointer: name, detail: detail)]
        )
    }
}
