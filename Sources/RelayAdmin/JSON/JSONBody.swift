import AdminAPI

/// A JSON object of a request, read field by field, so that the answer lists all of its flaws.
struct JSONBody {
    private let fields: [String: JSONField]
    /// The JSON pointer to the object in the body.
    private let place: String
    private var flaws: [ProblemDetails.Flaw] = []

    private let maximumFlaws: Int

    /// The most flaws in one answer.
    private static let maximumFlaws = 100
    /// The most flaws of each object in a list: more than it has fields.
    private static let maximumFlawsOfObject = 16
    /// The most Unicode scalars of a field's name that are returned to the client: all known fields have fewer.
    private static let maximumName = 64

    /// - Parameter names: the known fields; any other is refused.
    /// - Throws: ``ProblemDetails`` when the body is no JSON object.
    init(_ request: HTTPRequest, fields names: Set<String>) throws(ProblemDetails) {
        guard request.mediaType == "application/json" else {
            throw ProblemDetails(.unsupportedMediaType, detail: "Set Content-Type to application/json.")
        }
        let content: JSONField
        do throws(JSONParser.Flaw) {
            content = try JSONParser.parse(request.body)
        } catch {
            throw ProblemDetails(
                .invalidJSON,
                detail: """
                    The body has to be one JSON object in UTF-8, and nothing was done. The fault is at line \(error.line), byte \
                    \(error.byte): \(error.detail)
                    """
            )
        }
        guard case .object(let fields) = content else {
            throw Self.problem(
                of: [ProblemDetails.Flaw(pointer: "", detail: "It has to be a JSON object.")],
                "Nothing was done."
            )
        }
        self.init(fields, at: "", fields: names, maximumFlaws: Self.maximumFlaws)
    }

    private init(_ fields: [String: JSONField], at place: String, fields names: Set<String>, maximumFlaws: Int) {
        self.fields = fields
        self.place = place
        self.maximumFlaws = maximumFlaws
        let known = names.sorted().joined(separator: ", ")
        for name in fields.keys.sorted() where !names.contains(name) {
            self.refuse(name, "There is no such field; there are \(known).")
        }
    }

    /// Reads a required field.
    ///
    /// - Parameters:
    ///   - expected: the allowed values, in a sentence.
    ///   - read: returns `nil` for a value that is not allowed.
    /// - Returns: `nil` when the body has to be refused.
    mutating func required<Value>(_ name: String, _ expected: String, read: (JSONField) -> Value?) -> Value? {
        guard let field = self.fields[name] else {
            self.refuse(name, "It is required.")
            return nil
        }
        guard let value = read(field) else {
            self.refuse(name, expected)
            return nil
        }
        return value
    }

    /// Reads a field that may be missing or null.
    mutating func optional<Value>(_ name: String, _ expected: String, read: (JSONField) -> Value?) -> Value? {
        guard let field = self.fields[name], field != .null else { return nil }
        return self.required(name, expected, read: read)
    }

    /// Reads a required whole number.
    mutating func requiredNumber(_ name: String, in range: ClosedRange<UInt32>) -> UInt32? {
        self.required(name, Self.expectation(range)) { $0.number(in: range) }
    }

    /// Reads a whole number that may be missing or null.
    mutating func number(_ name: String, in range: ClosedRange<UInt32>) -> UInt32? {
        self.optional(name, Self.expectation(range)) { $0.number(in: range) }
    }

    private static func expectation(_ range: ClosedRange<UInt32>) -> String {
        "It has to be a whole number from \(range.lowerBound) to \(range.upperBound)."
    }

    /// Makes a body of an object in a list, which has flaws of its own.
    ///
    /// - Parameter names: the known fields; any other is refused.
    /// - Returns: `nil` when `item` is no object.
    func object(_ item: JSONField, in name: String, at index: Int, fields names: Set<String>) -> JSONBody? {
        guard case .object(let fields) = item else { return nil }
        return JSONBody(fields, at: self.pointer(name, index), fields: names, maximumFlaws: Self.maximumFlawsOfObject)
    }

    /// Records that a field, or one element of it, is wrong.
    mutating func refuse(_ name: String, at index: Int? = nil, _ detail: String) {
        guard self.flaws.count < self.maximumFlaws else { return }
        self.flaws.append(self.flaw(name, at: index, detail))
    }

    /// Makes the flaw of a field, or of one element of it.
    func flaw(_ name: String, at index: Int? = nil, _ detail: String) -> ProblemDetails.Flaw {
        ProblemDetails.Flaw(pointer: self.pointer(name, index), detail: detail)
    }

    /// The JSON pointer to the field, whose name is cut and escaped, since it may be the client's.
    private func pointer(_ name: String, _ index: Int?) -> String {
        let escaped = name.unicodeScalars.prefix(Self.maximumName).reduce(into: "") { text, scalar in
            switch scalar {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return "\(self.place)/\(escaped)\(index.map { "/\($0)" } ?? "")"
    }

    /// Whether all fields read so far are allowed and known.
    var isSound: Bool { self.flaws.isEmpty }

    /// The answer to a body with flaws.
    var problem: ProblemDetails { Self.problem(of: self.flaws, "Nothing was done, because the body is not valid.") }

    /// The problem of one part of the body, while the other parts are handled separately.
    func problem(_ meaning: String) -> ProblemDetails { Self.problem(of: self.flaws, meaning) }

    /// - Parameter meaning: the consequence of the flaws, in a sentence.
    static func problem(of flaws: [ProblemDetails.Flaw], _ meaning: String) -> ProblemDetails {
        let first = flaws.first.map { $0.pointer.isEmpty ? $0.detail : "\($0.pointer): \($0.detail)" } ?? ""
        let rest = flaws.count > 1 ? " `errors` has \(flaws.count) flaws." : ""
        return ProblemDetails(.invalidBody, detail: "\(meaning) \(first)\(rest)", errors: flaws)
    }
}

/// Any JSON value.
enum JSONField: Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    case list([JSONField])
    case object([String: JSONField])

    /// The whole number, if it is one in the range.
    func number(in range: ClosedRange<UInt32>) -> UInt32? {
        guard case .number(let number) = self, let whole = UInt32(exactly: number), range.contains(whole) else { return nil }
        return whole
    }

    /// The text, if it is one.
    var text: String? {
        if case .text(let text) = self { text } else { nil }
    }

    /// The elements, if it is a list.
    var list: [JSONField]? {
        if case .list(let items) = self { items } else { nil }
    }
}
