import AdminAPI
import Foundation
import Logging
import RelayAdmin

/// A real ``AdminServer`` on a free port, with a token of its own.
struct TestServer: Sendable {
    let relay: FakeRelay
    let settings: FakeSettings
    let server: AdminServer
    let port: Int
    let token: String
    /// Where it keeps its files.
    let directory: TemporaryDirectory

    /// Runs `body` with a server, and shuts it down.
    static func run(
        _ relay: FakeRelay = FakeRelay(),
        settings: FakeSettings = FakeSettings(),
        configure: (inout AdminOptions) -> Void = { _ in },
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        var options = AdminOptions(host: "127.0.0.1", port: 0, directory: directory.path)
        configure(&options)
        let server = try AdminServer(options: options, operations: relay, settings: settings, logger: .silent)
        let port = try server.start()
        let token = try String(contentsOfFile: "\(options.directory)/\(Endpoints.tokenFileName)", encoding: .utf8)
            .trimmingCharacters(in: .newlines)
        let test = TestServer(relay: relay, settings: settings, server: server, port: port, token: token, directory: directory)
        do {
            try await body(test)
        } catch {
            relay.gate.open()
            await server.shutdown()
            throw error
        }
        relay.gate.open()
        await server.shutdown()
    }

    /// The bytes of a request. Host, token and length are added unless `headers` has them; an empty value leaves one out.
    func request(
        _ method: String,
        _ target: String,
        headers: [String: String] = [:],
        body: [UInt8] = []
    ) -> [UInt8] {
        var all = ["Host": "127.0.0.1:\(self.port)", "Authorization": "Bearer \(self.token)"]
        if !body.isEmpty { all["Content-Length"] = String(body.count) }
        all.merge(headers) { _, new in new }
        let lines = all.filter { !$0.value.isEmpty }.map { "\($0.key): \($0.value)\r\n" }.sorted().joined()
        return Array("\(method) \(target) HTTP/1.1\r\n\(lines)\r\n".utf8) + body
    }

    /// Sends a request on a connection of its own.
    func send(
        _ method: String,
        _ target: String,
        headers: [String: String] = [:],
        body: [UInt8] = []
    ) async throws -> HTTPClient.Reply {
        let client = try HTTPClient(port: self.port)
        try await client.send(self.request(method, target, headers: headers, body: body))
        return try await client.reply(toHead: method == "HEAD")
    }

    /// Sends a request whose body is JSON.
    func sendJSON(_ method: String, _ target: String, _ json: String) async throws -> HTTPClient.Reply {
        try await self.send(method, target, headers: ["Content-Type": "application/json"], body: Array(json.utf8))
    }
}

extension HTTPClient.Reply {
    /// The body as a model.
    func model<Model: Decodable>(_ type: Model.Type) throws -> Model {
        try APIJSON.decode(type, from: Data(self.body))
    }

    /// The code of the problem that it is; `nil` when it is none.
    var problemCode: ProblemCode? {
        guard self.header("content-type") == ProblemDetails.mediaType else { return nil }
        return try? self.model(ProblemDetails.self).code
    }
}

extension Logger {
    /// Says nothing.
    static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

/// A directory that goes with the value.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("ttms-admin-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        self.path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }

    func file(_ name: String) -> String { "\(self.path)/\(name)" }
}

/// Waits until `condition` holds; `false` when it has not within 20 seconds.
func eventually(_ condition: () -> Bool) async -> Bool {
    let deadline = ContinuousClock.now + .seconds(20)
    while !condition() {
        guard ContinuousClock.now < deadline, (try? await Task.sleep(for: .milliseconds(2))) != nil else { return false }
    }
    return true
}
