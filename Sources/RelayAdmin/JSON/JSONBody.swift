import AdminAPI

/// A JSON object that a request sends, read field by field, so that a wrong one is answered with everything that is wrong in it.
struct JSONBody {
    private let fields: [String: JSONField]
    /// Where the object lies in the body, as a JSON pointer.
    private let place: String
    private var flaws: [ProblemDetails.Flaw] = []

    private let maximumFlaws: Int

    /// A client that gets everything wrong has seen enough by then.
    private static let maximumFlaws = 100
    /// The same for each object in a list: more than it has fields.
    private static let maximumFlawsOfObject = 16
    /// Unicode scalars of a field's name that are told to the client: any field that there is has fewer.
    private static let maximumName = 64

    /// - Parameter names: the fields that there are; any other is refused.
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
                    The body has to be one JSON object in UTF-8, and nothing was done. It is wrong at line \(error.line), byte \
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

    /// A field that has to be there.
    ///
    /// - Parameters:
    ///   - expected: what it may be, in a sentence.
    ///   - read: `nil` for what it may not be.
    /// - Returns: `nil` when the body is to be refused.
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

    /// A field that may be left out, or be null.
    mutating func optional<Value>(_ name: String, _ expected: String, read: (JSONField) -> Value?) -> Value? {
        guard let field = self.fields[name], field != .null else { return nil }
        return self.required(name, expected, read: read)
    }

    /// A whole number that has to be there.
    mutating func requiredNumber(_ name: String, in range: ClosedRange<UInt32>) -> UInt32? {
        self.required(name, Self.expectation(range)) { $0.number(in: range) }
    }

    /// A whole number that may be left out, or be null.
    mutating func number(_ name: String, in range: ClosedRange<UInt32>) -> UInt32? {
        self.optional(name, Self.expectation(range)) { $0.number(in: range) }
    }

    private static func expectation(_ range: ClosedRange<UInt32>) -> String {
        "It has to be a whole number from \(range.lowerBound) to \(range.upperBound)."
    }

    /// An object in a list, which is read with flaws of its own.
    ///
    /// - Parameter names: the fields that it has; any other is refused.
    /// - Returns: `nil` for what is no object.
    func object(_ item: JSONField, in name: String, at index: Int, fields names: Set<String>) -> JSONBody? {
        guard case .object(let fields) = item else { return nil }
        return JSONBody(fields, at: self.pointer(name, index), fields: names, maximumFlaws: Self.maximumFlawsOfObject)
    }

    /// Says that a field is wrong, or one element of it.
    mutating func refuse(_ name: String, at index: Int? = nil, _ detail: String) {
        guard self.flaws.count < self.maximumFlaws else { return }
        self.flaws.append(self.flaw(name, at: index, detail))
    }

    /// What would be said of a field that is wrong, or of one element of it.
    func flaw(_ name: String, at index: Int? = nil, _ detail: String) -> ProblemDetails.Flaw {
        ProblemDetails.Flaw(pointer: self.pointer(name, index), detail: detail)
    }

    /// A JSON pointer names the field; a client's own name is cut and escaped for it.
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

    /// Whether every field read so far is as it has to be, and there is no other.
    var isSound: Bool { self.flaws.isEmpty }

    /// The answer to a body that is not sound.
    var problem: ProblemDetails { Self.problem(of: self.flaws, "Nothing was done, because the body is wrong.") }

    /// What is said of a part of the body that is not sound, while the rest is looked at for itself.
    func problem(_ meaning: String) -> ProblemDetails { Self.problem(of: self.flaws, meaning) }

    /// - Parameter meaning: what it means that there are flaws, in a sentence.
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

    /// The whole number, if it is one of these.
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
