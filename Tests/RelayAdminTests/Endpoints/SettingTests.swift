import AdminAPI
import RelayCore
import Testing

@testable import RelayAdmin

/// The configuration and the log level over HTTP; what they do is tested with the relay that has them.
@Suite struct SettingTests {
    private static let flaws = SettingFlaws([.init(key: "listen", source: "a:1", problem: "it is bad", allowed: "a good one")])
    private static let yaml = ["Content-Type": "application/yaml; charset=utf-8"]

    @Test("settings are shown with their sources, and what waits for a restart")
    func list() async throws {
        try await TestServer.run { server async throws in
            let list = try await server.send("GET", "/api/v1/config").model(SettingList.self)
            #expect(list.refusedReload == nil)
            let settings = list.data
            #expect(settings.map(\.key) == ["log_level", "listen"] && settings.map(\.source) == ["default", "a:7"])
            #expect(settings.map(\.pendingValue) == [nil, "[::]:2"] && settings.map(\.reloadable) == [true, false])
        }
    }

    @Test("a file's contents are checked as they came, and the answer says what is wrong or what would change")
    func validate() async throws {
        try await TestServer.run { server async throws in
            let path = "/api/v1/config/validate"
            let good = try await server.send("POST", path, headers: Self.yaml, body: Array("a: 1\n".utf8))
            #expect(server.settings.withState { $0.checked } == [Array("a: 1\n".utf8)])
            let receipt = try good.model(ConfigurationReceipt.self)
            #expect(receipt == ConfigurationReceipt(valid: true, changed: ["time_to_live"], needsRestart: ["listen"]))

            server.settings.withState { $0.outcome = .failure(Self.flaws) }
            let bad = try await server.send("POST", path, headers: Self.yaml, body: [0xff])
            #expect(bad.status == 200)
            let flaw = SettingFlaw(key: "listen", source: "a:1", problem: "it is bad", allowed: "a good one")
            #expect(try bad.model(ConfigurationReceipt.self) == ConfigurationReceipt(valid: false, errors: [flaw]))
            #expect(try await server.sendJSON("POST", path, "{}").problemCode == .unsupportedMediaType)
        }
    }

    @Test("a reload says what has changed, or why nothing has, and reads the admin token again")
    func reload() async throws {
        try await TestServer.run { server async throws in
            let done = try await server.send("POST", "/api/v1/config/reload")
            #expect(try done.model(ConfigurationReceipt.self).changed == ["time_to_live"])
            server.settings.withState { $0.outcome = .failure(Self.flaws) }
            let refused = try await server.send("POST", "/api/v1/config/reload")
            #expect(refused.status == 422 && refused.problemCode == .invalidConfiguration)
            let error = try refused.model(ProblemDetails.self).errors
            #expect(error == [.init(pointer: "listen", detail: "a:1: it is bad. Allowed: a good one.")])
            // What is said of a whole file ends as a sentence does.
            server.settings.withState {
                $0.outcome = .failure(
                    SettingFlaws([.init(key: "", source: "a", problem: "It is not there.", allowed: "a file")])
                )
            }
            let missing = try await server.send("POST", "/api/v1/config/reload").model(ProblemDetails.self).errors
            #expect(missing?.first?.detail == "a: It is not there. Allowed: a file.")
        }
    }

    @Test("the log level is set for a time, shown, and reverted")
    func logLevel() async throws {
        try await TestServer.run { server async throws in
            let path = "/api/v1/log-level"
            let set = try await server.sendJSON("PUT", path, #"{"level": "debug", "for_seconds": 60}"#)
            let expected = LogLevelResource(level: .debug, configuredLevel: .info, revertsAt: "2023-11-14T22:14:20.000Z")
            #expect(try set.model(LogLevelResource.self) == expected)
            #expect(try await server.send("GET", path).model(LogLevelResource.self) == expected)
            let reverted = LogLevelResource(level: .info, configuredLevel: .info, revertsAt: nil)
            #expect(try await server.send("DELETE", path).model(LogLevelResource.self) == reverted)
            for (body, pointers) in [
                (#"{}"#, ["/level", "/for_seconds"]), (#"{"level": "loud", "for_seconds": 1}"#, ["/level"]),
                (#"{"level": "info", "for_seconds": 0}"#, ["/for_seconds"]),
                (#"{"level": "info", "for_seconds": null}"#, ["/for_seconds"]),
            ] {
                let refused = try await server.sendJSON("PUT", path, body)
                #expect(try refused.model(ProblemDetails.self).errors?.map(\.pointer) == pointers, "\(body)")
            }
            #expect(try await server.send("GET", path).model(LogLevelResource.self) == reverted)
        }
    }
}
