import AdminAPI
import Foundation
import RelayCore
import TTMSProtocol
import Testing
import Yams

@testable import RelayAdmin

/// The OpenAPI document describes exactly what exists.
@Suite struct OpenAPITests {
    typealias Object = [String: Any]

    /// The document, with references resolved on the way.
    struct Document {
        let root: Object

        init() throws {
            let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../../../openapi/ttms-relay.yaml")
            self.root = try #require(try Yams.load(yaml: String(contentsOf: file, encoding: .utf8)) as? Object)
        }

        func resolve(_ value: Any?) -> Object {
            guard let object = value as? Object else { return [:] }
            guard let reference = object["$ref"] as? String else { return object }
            return reference.split(separator: "/").dropFirst()
                .reduce(self.root) { self.resolve($0[String($1)]) }
        }

        func schema(_ name: String) -> Object {
            self.resolve(["$ref": "#/components/schemas/\(name)"])
        }

        /// All operations: path, method, the operation, and the parameters of the path and its own.
        var operations: [(path: String, method: String, operation: Object, parameters: [Object])] {
            self.resolve(self.root["paths"]).flatMap { path, value in
                let item = self.resolve(value)
                let shared = item["parameters"] as? [Any] ?? []
                return item.filter { $0.key != "parameters" }.map { method, value in
                    let operation = self.resolve(value)
                    let parameters = shared + (operation["parameters"] as? [Any] ?? [])
                    return (path, method.uppercased(), operation, parameters.map(self.resolve))
                }
            }
        }
    }

    @Test("paths, methods, parameters and access are those of the route table")
    func routes() throws {
        let document = try Document()
        let routes = try TestAccess.routes(FakeRelay())
        let described = document.operations.map { operation in
            let names = { (place: String) in
                operation.parameters.filter { $0["in"] as? String == place }.compactMap { $0["name"] as? String }.sorted()
            }
            let security = (operation.operation["security"] ?? document.root["security"]) as? [Object] ?? []
            let scopes = security.compactMap { $0["token"] as? [String] }.joined().joined()
            let access = security.isEmpty ? "open" : security.count == 2 ? "openOnLoopback" : scopes
            let takesBody = operation.operation["requestBody"] != nil
            return "\(operation.method) \(operation.path) \(names("path")) \(names("query")) \(access) \(takesBody)"
        }
        let existing = routes.map { route in
            let inPath = route.path.rawValue.matches(of: /{([a-z_]+)}/).map { String($0.output.1) }.sorted()
            let access = if case .scope(let scope) = route.access { scope.rawValue } else { "\(route.access)" }
            return
                "\(route.method.rawValue) \(route.path.rawValue) \(inPath) \(route.query.sorted()) \(access) \(route.takesBody)"
        }
        #expect(described.sorted() == existing.sorted())
        #expect(Set(routes.map(\.path)) == Set(RoutePath.allCases))
    }

    @Test("operations have unique names, and tell of every refusal that they share")
    func operations() throws {
        let document = try Document()
        let names = document.operations.compactMap { $0.operation["operationId"] as? String }
        #expect(Set(names).count == document.operations.count)
        for (path, method, operation, _) in document.operations {
            let responses = document.resolve(operation["responses"])
            #expect(responses["400"] != nil && responses["default"] != nil, "\(method) \(path)")
            for status in ["401", "403"] {
                #expect((responses[status] != nil) == (path != "/livez" && path != "/readyz"), "\(method) \(path) \(status)")
            }
            for (status, response) in responses where status.hasPrefix("4") || status == "default" {
                let content = document.resolve(document.resolve(response)["content"])
                #expect(Array(content.keys) == [ProblemDetails.mediaType], "\(method) \(path) \(status)")
            }
        }
    }

    @Test("codes and words are the models'")
    func words() throws {
        let document = try Document()
        func values(_ schema: String) -> Set<String> { Set(document.schema(schema)["enum"] as? [String] ?? []) }
        #expect(values("ProblemCode") == Set(ProblemCode.allCases.map(\.rawValue)))
        #expect(values("PayloadEncoding") == Set(PayloadEncoding.allCases.map(\.rawValue)))
        #expect(values("MessageState") == Set(MessageState.allCases.map(\.rawValue)))
        #expect(values("TerminalState") == Set(TerminalState.allCases.map(\.rawValue)))
        #expect(values("TerminalSort") == Set(TerminalSort.allCases.map(\.rawValue)))
        #expect(values("TerminalSort") == Set(TerminalQuery.Sort.allCases.map(\.rawValue)))
        #expect(values("ConnectionState") == Set(ConnectionState.allCases.map(\.rawValue)))
        #expect(values("ConnectionSort") == Set(ConnectionSort.allCases.map(\.rawValue)))
        #expect(values("ConnectionSort") == Set(ConnectionQuery.Sort.allCases.map(\.rawValue)))
        #expect(values("EventType") == Set(EventType.allCases.map(\.rawValue)))
        let event = Set(document.resolve(document.schema("Event")["properties"]).keys)
        #expect(event == Set(EventResource.CodingKeys.allCases.map(\.rawValue)))
        #expect(values("SortOrder") == Set(SortOrder.allCases.map(\.rawValue)))
        #expect(values("CloseReason") == Set(CloseReason.allCases.map(\.rawValue)))
        #expect(values("Dialect") == Set(LengthDialect.allCases.map(\.rawValue)))
        #expect(values("AuditOutcome") == Set(AuditOutcome.allCases.map(\.rawValue)))
        #expect(values("BlockKind") == Set(BlockKind.allCases.map(\.rawValue)))
        #expect(values("LogLevelName") == Set(LogLevelName.allCases.map(\.rawValue)))
        #expect(LogLevelName.allCases.map(\.rawValue) == LogSeverity.allCases.map(\.rawValue))
        #expect(values("Scope") == Set(Scope.allCases.map(\.rawValue)))
        func fields(_ schema: String) -> Set<String> { Set(document.resolve(document.schema(schema)["properties"]).keys) }
        #expect(fields("SendMessageRequest") == SendMessageRequest.fieldNames)
        #expect(fields("CreateBlockRequest") == CreateBlockRequest.fieldNames)
        #expect(fields("SetLogLevelRequest") == SetLogLevelRequest.fieldNames)
        #expect(fields("CreateTokenRequest") == CreateTokenRequest.fieldNames)
        #expect(fields("BulkMessage") == BulkMessage.fieldNames)
        #expect(fields("TraceRequest") == TraceRequest.fieldNames)
    }

    @Test("examples are what the models read and write, field by field")
    func examples() throws {
        let document = try Document()
        var checked: Set<String> = []
        for (path, method, operation, _) in document.operations {
            for (status, response) in document.resolve(operation["responses"]) {
                for (type, value) in document.resolve(document.resolve(response)["content"]) where type.hasSuffix("json") {
                    let media = document.resolve(value)
                    let place = "\(method) \(path) \(status)"
                    let examples = Self.examples(of: media)
                    #expect(!examples.isEmpty, "\(place) has no example")
                    for example in examples {
                        let names = Self.names(of: media["schema"])
                        let name = try #require(names.first { Self.isSame(example, readAndWrittenAs: $0) }, "\(place)")
                        self.expectFields(of: example, match: document.schema(name), in: document, name)
                        checked.insert(name)
                    }
                }
            }
        }
        #expect(checked.count == 26)
    }

    @Test("every parameter has an example, and every body but raw octets")
    func inputs() throws {
        for (path, method, operation, parameters) in try Document().operations {
            for parameter in parameters {
                #expect(parameter["example"] != nil, "\(method) \(path) \(parameter["name"] ?? "")")
            }
            let content = try Document().resolve(try Document().resolve(operation["requestBody"])["content"])
            // They are any bytes, which YAML cannot hold; the operations' descriptions show some.
            for (type, media) in content where type != "application/octet-stream" {
                #expect(!Self.examples(of: media as? Object ?? [:]).isEmpty, "\(method) \(path) \(type)")
            }
        }
    }

    private static func examples(of media: Object) -> [Any] {
        let several = (media["examples"] as? Object ?? [:]).values.compactMap { ($0 as? Object)?["value"] }
        return (media["example"].map { [$0] } ?? []) + several
    }

    /// The names of the schemas that a value may have.
    private static func names(of schema: Any?) -> [String] {
        let schema = schema as? Object ?? [:]
        let references = [schema] + (schema["anyOf"] as? [Object] ?? [])
        return references.compactMap { ($0["$ref"] as? String)?.split(separator: "/").last.map(String.init) }
    }

    private static func isSame(_ example: Any, readAndWrittenAs name: String) -> Bool {
        guard let data = try? JSONSerialization.data(withJSONObject: example),
            let written = try? JSONSerialization.jsonObject(with: self.roundTrip(data, as: name))
        else { return false }
        return written as? NSObject == example as? NSObject
    }

    private func expectFields(of example: Any, match schema: Object, in document: Document, _ place: String) {
        if let items = example as? [Any] {
            for item in items { self.expectFields(of: item, match: document.resolve(schema["items"]), in: document, place) }
        }
        guard let object = example as? Object else { return }
        let alternatives = (schema["anyOf"] as? [Any] ?? []).map(document.resolve)
        let schema = alternatives.first { $0["properties"] != nil } ?? schema
        // Names that nobody has listed.
        if schema["additionalProperties"] is Object { return }
        let properties = document.resolve(schema["properties"])
        #expect(Set(object.keys).isSubset(of: properties.keys), "\(place)")
        #expect(Set(schema["required"] as? [String] ?? []).isSubset(of: object.keys), "\(place)")
        for (key, value) in object {
            self.expectFields(of: value, match: document.resolve(properties[key]), in: document, "\(place).\(key)")
        }
    }

    private static func roundTrip(_ data: Data, as schema: String) throws -> Data {
        func again<Model: Codable>(_ type: Model.Type) throws -> Data {
            try APIJSON.encode(APIJSON.decode(type, from: data))
        }
        switch schema {
        case "Liveness": return try again(LivenessResource.self)
        case "Readiness": return try again(ReadinessResource.self)
        case "Status": return try again(StatusResource.self)
        case "Terminal": return try again(TerminalResource.self)
        case "Connection": return try again(ConnectionResource.self)
        case "ConnectionPage": return try again(Page<ConnectionResource>.self)
        case "TerminalPage": return try again(Page<TerminalResource>.self)
        case "Message": return try again(MessageResource.self)
        case "MessagePage": return try again(Page<MessageResource>.self)
        case "MessagePreview": return try again(MessagePreview.self)
        case "MessageExplanation": return try again(MessageExplanation.self)
        case "BulkReceipt": return try again(BulkReceipt.self)
        case "Trace": return try again(TraceResource.self)
        case "MessageReceipt": return try again(MessageReceipt.self)
        case "MessageReceiptList": return try again(List<MessageReceipt>.self)
        case "DeletionReceipt": return try again(DeletionReceipt.self)
        case "DrainReceipt": return try again(DrainReceipt.self)
        case "Token": return try again(TokenResource.self)
        case "AuditPage": return try again(Page<AuditResource>.self)
        case "Block": return try again(BlockResource.self)
        case "BlockPage": return try again(Page<BlockResource>.self)
        case "SettingList": return try again(SettingList.self)
        case "ConfigurationReceipt": return try again(ConfigurationReceipt.self)
        case "LogLevel": return try again(LogLevelResource.self)
        case "TokenPage": return try again(Page<TokenResource>.self)
        case "Problem": return try again(ProblemDetails.self)
        default: throw HTTPClient.Failure(message: "no model for the schema \(schema)")
        }
    }
}
