import AdminAPI
import ArgumentParser
import TestKit
import Testing

@testable import ttmsctl

/// How a relay is found, and what is said when it is not.
struct RelayLocationTests {
    private static func find(_ arguments: [String], environment: [String: String] = [:]) throws -> RelayLocation {
        try RelayLocation.find(try RelayOptions.parse(arguments), environment: environment)
    }

    private static func status(_ arguments: [String], environment: [String: String] = [:]) throws -> EndStatus? {
        do {
            _ = try self.find(arguments, environment: environment)
            return nil
        } catch let failure as Failure {
            return failure.status
        }
    }

    @Test("a relay on this machine is found by what it left in its data directory")
    func local() throws {
        let directory = try TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        let endpoints = Endpoints(terminals: ["127.0.0.1:1"], admin: "http://127.0.0.1:2", pid: 3)
        _ = try directory.write(Array(try APIJSON.encode(endpoints)), to: "endpoints.json")
        #expect(try Self.status(["--data-dir", directory.path]) == .noPermission)

        let file = try directory.write(Array("secret\n".utf8), to: "admin.token")
        let expected = RelayLocation(url: "http://127.0.0.1:2", token: "secret", tokenOrigin: file)
        #expect(try Self.find(["--data-dir", directory.path]) == expected)
        #expect(try Self.find([], environment: ["STATE_DIRECTORY": "\(directory.path):/other"]) == expected)

        let other = try directory.write(Array("other".utf8), to: "copy")
        #expect(try Self.find(["--data-dir", directory.path, "--token-file", other]).token == "other")
    }

    @Test("a relay elsewhere is found by its URL, and needs a token")
    func remote() throws {
        let url = "http://192.0.2.1:7280"
        let location = try Self.find(["--url", url + "/"], environment: ["TTMS_TOKEN": "secret"])
        #expect(location == RelayLocation(url: url, token: "secret", tokenOrigin: "TTMS_TOKEN"))
        #expect(!location.isLoopback)
        #expect(try Self.status(["--url", url]) == .noPermission)
        #expect(try Self.status(["--url", url, "--token-file", "/nonexistent"]) == .noPermission)
        for wrong in ["192.0.2.1:7280", "ftp://x", "http://", ""] {
            #expect(try Self.status(["--url", wrong], environment: ["TTMS_TOKEN": "secret"]) == .usage, "\(wrong)")
        }
    }

    @Test("a directory without a relay says so")
    func missing() throws {
        let directory = try TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        #expect(try Self.status(["--data-dir", directory.path]) == .unavailable)
        _ = try directory.write(Array("{}".utf8), to: "endpoints.json")
        #expect(try Self.status(["--data-dir", directory.path]) == .notUnderstood)
    }

    @Test(
        "a relay that listens on all addresses is asked on the loopback",
        arguments: [
            ("http://0.0.0.0:2", "http://127.0.0.1:2"), ("http://192.0.2.1:2", "http://192.0.2.1:2"),
        ]
    )
    func allAddresses(listening: String, asked: String) throws {
        let directory = try TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        let endpoints = Endpoints(terminals: [], admin: listening, pid: 3)
        _ = try directory.write(Array(try APIJSON.encode(endpoints)), to: "endpoints.json")
        _ = try directory.write(Array("secret".utf8), to: "admin.token")
        #expect(try Self.find(["--data-dir", directory.path]).url == asked)
        #expect(RelayLocation.reachable(host: "0.0.0.0") == "127.0.0.1")
        #expect(RelayLocation.reachable(host: "::") == "::1")
        #expect(RelayLocation.reachable(host: "192.0.2.1") == "192.0.2.1")
    }

    @Test(
        "an admin API on IPv6 is refused with the reason",
        arguments: ["http://[::1]:2", "http://[::]:2", "http://[2001:db8::1]"]
    )
    func ipv6(url: String) throws {
        #expect(try Self.status(["--url", url], environment: ["TTMS_TOKEN": "secret"]) == .unavailable)
        let directory = try TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        _ = try directory.write(Array(try APIJSON.encode(Endpoints(terminals: [], admin: url, pid: 3))), to: "endpoints.json")
        _ = try directory.write(Array("secret".utf8), to: "admin.token")
        #expect(throws: Failure.self) { try Self.find(["--data-dir", directory.path]) }
    }

    @Test("addresses of this machine")
    func loopback() {
        let table = [
            "http://127.0.0.1:1": true, "http://127.1.2.3": true, "http://[::1]:1": true, "http://localhost:1": true,
            "http://192.0.2.1:1": false, "http://localhost.example": false,
        ]
        for (url, expected) in table {
            #expect(RelayLocation(url: url, token: "", tokenOrigin: "").isLoopback == expected, "\(url)")
        }
    }
}
