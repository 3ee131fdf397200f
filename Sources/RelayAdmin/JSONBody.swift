import AdminAPI
import FoundationEssentials

/// A request's JSON object, read field by field, so that a wrong one is answered with everything that is wrong in it.
struct JSONBody {
    private let fields: [String: JSONField]
    private var flaws: [ProblemDetails.Flaw] = []

    /// - Parameter names: the fields that there are; any other is refused.
    /// - Throws: ``ProblemDetails`` when the body is no JSON object, or has other fields.
    init(_ request: HTTPRequest, fields names: Set<String>) throws(ProblemDetails) {
        guard request.mediaType == "application/json" else {
            throw ProblemDetails(.unsupportedMediaType, detail: "Set Content-Type to application/json.")
        }
        guard let content = try? APIJSON.decode(JSONField.self, from: Data(request.body)) else {
            throw ProblemDetails(.invalidJSON, detail: "The body has to be one JSON object in UTF-8.")
        }
        guard case .object(let fields) = content else {
            let flaw = ProblemDetails.Flaw(pointer: "", detail: "The body has to be a JSON object.")
            throw ProblemDetails(.invalidBody, errors: [flaw])
        }
        self.fields = fields
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

    private static let expectedSeconds = "It has to be a whole number from 1 to \(UInt32.max)."

    /// Seconds from now, at least one; `nil` for no end.
    mutating func seconds(_ name: String) -> UInt32? {
        self.optional(name, Self.expectedSeconds, read: \.seconds)
    }

    /// Seconds from now, at least one, which have to be there.
    mutating func requiredSeconds(_ name: String) -> UInt32? {
        self.required(name, Self.expectedSeconds, read: \.seconds)
    }

    /// Says that a field is wrong.
    mutating func refuse(_ name: String, _ detail: String) {
        // A JSON pointer names the field; a client's own name is cut and escaped for it.
        let escaped = name.prefix(64).replacing("~", with: "~0").replacing("/", with: "~1")
        self.flaws.append(ProblemDetails.Flaw(pointer: "/\(escaped)", detail: detail))
    }

    /// Whether every field read so far is as it has to be, and there is no other.
    var isSound: Bool { self.flaws.isEmpty }

    /// The answer to a body that is not sound.
    var problem: ProblemDetails { ProblemDetails(.invalidBody, errors: self.flaws) }
}

/// Any JSON value.
enum JSONField: Equatable, Decodable {
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    case list([JSONField])
    case object([String: JSONField])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([JSONField].self) {
            self = .list(value)
        } else {
            self = .object(try container.decode([String: JSONField].self))
        }
    }

    /// A number of seconds, at least one, if it is that.
    var seconds: UInt32? {
        guard case .number(let number) = self, number >= 1 else { return nil }
        return UInt32(exactly: number)
    }

    /// The text, if it is one.
    var text: String? {
        if case .text(let text) = self { text } else { nil }
    }
}
