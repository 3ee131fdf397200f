import AdminAPI
import FoundationEssentials
import RelayCore
import TTMSProtocol

/// Reads the JSON body that sends a message, and says of a wrong one which field is wrong and why.
enum SendMessageBody {
    /// What the destination sees as the sender when the request names none.
    static let defaultSource = CCID(rawValue: 0)

    /// - Throws: ``ProblemDetails``.
    static func parse(_ body: [UInt8], to destination: CCID) throws(ProblemDetails) -> Injection {
        let request = try self.decode(body)
        var flaws: [ProblemDetails.Flaw] = []
        let source = request.source.map { CCID($0) } ?? self.defaultSource
        if source == nil { flaws.append(self.flaw("source", "It has to be a CCID: 8 hex digits such as 0000002a.")) }
        let payload = request.payloadEncoding.decode(request.payload)
        if payload == nil { flaws.append(self.flaw("payload", "It is not \(request.payloadEncoding.rawValue).")) }
        guard let source, let payload else { throw self.invalid(flaws) }
        return Injection(
            source: source,
            destination: destination,
            payload: payload,
            timeToLive: request.timeToLiveSeconds
        )
    }

    private static func decode(_ body: [UInt8]) throws(ProblemDetails) -> SendMessageRequest {
        let data = Data(body)
        do {
            let names = try APIJSON.decode(FieldNames.self, from: data).names
            let unknown = names.filter { !SendMessageRequest.fieldNames.contains($0) }
            guard unknown.isEmpty else {
                let known = SendMessageRequest.fieldNames.sorted().joined(separator: ", ")
                throw self.invalid(unknown.map { self.flaw($0, "There is no such field; there are \(known).") })
            }
            return try APIJSON.decode(SendMessageRequest.self, from: data)
        } catch let problem as ProblemDetails {
            throw problem
        } catch DecodingError.keyNotFound(let key, _) {
            throw self.invalid([self.flaw(key.stringValue, "It is required.")])
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
            throw self.invalid(at: context)
        } catch DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty {
            throw self.invalid(at: context)
        } catch {
            throw ProblemDetails(.invalidJSON, detail: "The body has to be one JSON object in UTF-8.")
        }
    }

    private static func invalid(at context: DecodingError.Context) -> ProblemDetails {
        guard let key = context.codingPath.first?.stringValue else {
            return self.invalid([ProblemDetails.Flaw(pointer: "", detail: "The body has to be a JSON object.")])
        }
        let expected =
            switch SendMessageRequest.FieldKind(field: key) {
            case .ccid: "It has to be a string of 8 hex digits."
            case .text: "It has to be a string."
            case .encoding: "It has to be one of \(PayloadEncoding.allCases.map(\.rawValue).joined(separator: ", "))."
            case .seconds: "It has to be a whole number from 0 to \(UInt32.max)."
            }
        return self.invalid([self.flaw(key, expected)])
    }

    private static func invalid(_ flaws: [ProblemDetails.Flaw]) -> ProblemDetails {
        ProblemDetails(.invalidBody, errors: flaws)
    }

    /// A JSON pointer names the field; a client's own name is cut and escaped for it.
    private static func flaw(_ field: String, _ detail: String) -> ProblemDetails.Flaw {
        let name = field.prefix(64).replacing("~", with: "~0").replacing("/", with: "~1")
        return ProblemDetails.Flaw(pointer: "/\(name)", detail: detail)
    }
}

extension SendMessageRequest {
    /// What a field holds, for the message about one that holds something else.
    fileprivate enum FieldKind {
        case ccid
        case text
        case encoding
        case seconds

        init(field: String) {
            switch field {
            case "source": self = .ccid
            case "payload_encoding": self = .encoding
            case "time_to_live_seconds": self = .seconds
            default: self = .text
            }
        }
    }
}

/// The names of an object's fields, whatever they hold.
private struct FieldNames: Decodable {
    let names: [String]

    private struct Name: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        self.names = try decoder.container(keyedBy: Name.self).allKeys.map(\.stringValue).sorted()
    }
}
