import AdminAPI
import FoundationEssentials

/// Reads JSON bodies, and says of a wrong one which field is wrong and why.
enum ModelBody {
    /// What a body may hold.
    struct Shape {
        /// The names of its fields: any other is refused.
        var fields: Set<String>
        /// Of a field that is a list of objects, the names of their fields.
        var items: [String: Set<String>] = [:]
        /// What a field, by its name, has to hold.
        var expectation: @Sendable (String) -> String
    }

    /// - Throws: ``ProblemDetails``.
    static func decode<Model: Decodable>(
        _ type: Model.Type,
        from body: [UInt8],
        as shape: Shape
    ) throws(ProblemDetails) -> Model {
        let data = Data(body)
        do {
            let unknown = Self.unknownFields(of: try APIJSON.decode(FieldNames.self, from: data), shape)
            guard unknown.isEmpty else { throw self.invalid(unknown) }
            return try APIJSON.decode(type, from: data)
        } catch let problem as ProblemDetails {
            throw problem
        } catch DecodingError.keyNotFound(let key, let context) {
            throw self.invalid([self.flaw(context.codingPath + [key], "It is required.")])
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
            throw self.invalid(at: context, shape)
        } catch DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty {
            throw self.invalid(at: context, shape)
        } catch {
            throw ProblemDetails(.invalidJSON, detail: "The body has to be one JSON object in UTF-8.")
        }
    }

    /// The problem of wrong fields.
    static func invalid(_ flaws: [ProblemDetails.Flaw]) -> ProblemDetails {
        ProblemDetails(.invalidBody, errors: flaws)
    }

    /// A JSON pointer names the field; a client's own name is cut and escaped for it.
    static func flaw(_ path: String..., detail: String) -> ProblemDetails.Flaw {
        let pointer = path.map { "/" + $0.prefix(64).replacing("~", with: "~0").replacing("/", with: "~1") }.joined()
        return ProblemDetails.Flaw(pointer: pointer, detail: detail)
    }

    private static func flaw(_ path: [any CodingKey], _ detail: String) -> ProblemDetails.Flaw {
        let pointer = path.map { key in Self.flaw(key.intValue.map(String.init) ?? key.stringValue, detail: "").pointer }
        return ProblemDetails.Flaw(pointer: pointer.joined(), detail: detail)
    }

    private static func invalid(at context: DecodingError.Context, _ shape: Shape) -> ProblemDetails {
        guard let key = context.codingPath.last(where: { $0.intValue == nil }) else {
            return self.invalid([ProblemDetails.Flaw(pointer: "", detail: "The body has to be a JSON object.")])
        }
        return self.invalid([self.flaw(context.codingPath, shape.expectation(key.stringValue))])
    }

    private static func unknownFields(of object: FieldNames, _ shape: Shape) -> [ProblemDetails.Flaw] {
        func detail(_ known: Set<String>) -> String {
            "There is no such field; there are \(known.sorted().joined(separator: ", "))."
        }
        var flaws = object.names.filter { !shape.fields.contains($0) }
            .map { self.flaw($0, detail: detail(shape.fields)) }
        for (name, known) in shape.items.sorted(by: { $0.key < $1.key }) {
            for (index, item) in (object.items[name] ?? []).enumerated() {
                flaws += item.names.filter { !known.contains($0) }
                    .map { self.flaw(name, String(index), $0, detail: detail(known)) }
            }
        }
        return flaws
    }
}

/// The names of an object's fields, whatever they hold, and of the objects in its lists.
private struct FieldNames: Decodable {
    let names: [String]
    let items: [String: [FieldNames]]

    private struct Name: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Name.self)
        self.names = fields.allKeys.map(\.stringValue).sorted()
        var items: [String: [FieldNames]] = [:]
        for key in fields.allKeys { items[key.stringValue] = try? fields.decode([FieldNames].self, forKey: key) }
        self.items = items
    }
}
