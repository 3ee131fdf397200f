import AdminAPI
import ArgumentParser
import TestKit
import Testing

@testable import ttmsctl

/// How a relay is found, and what is said when it is not.
struct RelayLocationTests {
    private static func find(_ arguments: [String], environment: [String: String] = [:]) throws -> RelayLocation {
        let options = try RelayOptions.parse(arguments)
        let token = try AccessToken.given(file: options.tokenFile, environment: environment)
        return try RelayLocation.find(options, environment: environment, token: token)
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
        let token = AccessToken(secret: "secret", origin: file)
        let expected = RelayLocation(url: "http://127.0.0.1:2", token: token, process: 3)
        #expect(try Self.find(["--data-dir", directory.path]) == expected)
        #expect(try Self.find([], environment: ["STATE_DIRECTORY": "\(directory.path):/other"]) == expected)

        let other = try directory.write(Array("other".utf8), to: "copy")
        #expect(try Self.find(["--data-dir", directory.path, "--token-file", other]).token.secret == "other")
    }

    @Test(
        "a file that cannot be read is named, with what happened and what to do",
        arguments: [
            ("missing", "there is no such file. Name a file"),
            (".", "Is a directory. It is a directory instead of a file."),
            ("admin.token/x", "Not a directory. A part of the path is a file"),
            (String(repeating: "x", count: 300), "name another one"),
        ]
    )
    func unreadable(name: String, expected: String) throws {
        let directory = try TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        _ = try directory.write(Array("secret".utf8), to: "admin.token")
        let path = "\(directory.path)/\(name)"
        #expect {
            _ = try AccessToken.read(path)
        } throws: { error in
            let message = (error as? Failure)?.message ?? ""
            return message.contains(path) && message.contains(expected) && !message.contains("Only the relay's user")
        }
        #expect {
            _ = try InputFile(path: path).contentsToSend(limit: 10)
        } throws: { error in
            let message = (error as? Failure)?.message ?? ""
            return message.contains(path) && message.contains(expected.prefix { $0 != "." })
        }
    }

    @Test("a flag goes before the environment, and that before what is found")
    func precedence() throws {
        let directories = try (1...3).map { number in
            let directory = try TemporaryDirectory()
            let endpoints = Endpoints(terminals: [], admin: "http://127.0.0.1:\(number)", pid: 3)
            _ = try directory.write(Array(try APIJSON.encode(endpoints)), to: "endpoints.json")
            _ = try directory.write(Array("found".utf8), to: "admin.token")
            return directory
        }
        defer { withExtendedLifetime(directories) {} }
        let given = try directories[0].write(Array("given".utf8), to: "copy")
        let names = ["STATE_DIRECTORY": directories[1].path, "TTMS_DATA_DIR": directories[2].path, "TTMS_TOKEN": "set"]
        let table: [(arguments: [String], variables: Set<String>, url: String, token: String)] = [
            ([], ["STATE_DIRECTORY"], "http://127.0.0.1:2", "found"),
            ([], ["STATE_DIRECTORY", "TTMS_DATA_DIR"], "http://127.0.0.1:3", "found"),
            ([], ["TTMS_DATA_DIR", "TTMS_TOKEN"], "http://127.0.0.1:3", "set"),
            (["--data-dir", directories[0].path], ["STATE_DIRECTORY", "TTMS_DATA_DIR"], "http://127.0.0.1:1", "found"),
            (["--data-dir", directories[0].path], ["TTMS_TOKEN"], "http://127.0.0.1:1", "set"),
            (["--token-file", given], ["TTMS_DATA_DIR", "TTMS_TOKEN"], "http://127.0.0.1:3", "given"),
            (["--url", "http://192.0.2.1"], ["TTMS_DATA_DIR", "TTMS_TOKEN"], "http://192.0.2.1", "set"),
        ]
        for row in table {
            let found = try Self.find(row.arguments, environment: names.filter { row.variables.contains($0.key) })
            #expect(found.url == row.url && found.token.secret == row.token, "\(row)")
        }
        #expect(
            try Self.find([], environment: ["TTMS_DATA_DIR": directories[2].path, "TTMS_TOKEN": ""]).token.secret == "found"
        )
    }

    @Test("what is no token is refused before it is sent", arguments: ["", " \n", "two words", "two\r\nlines: x", "t\u{e9}"])
    func tokens(text: String) throws {
        let directory = try TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        let file = try directory.write(Array(text.utf8), to: "token")
        #expect(try Self.status(["--url", "http://192.0.2.1", "--token-file", file]) == .noPermission)
        #expect(try Self.status(["--url", "http://192.0.2.1"], environment: ["TTMS_TOKEN": text]) == .noPermission)
    }

    @Test("a relay elsewhere is found by its URL, and needs a token")
    func remote() throws {
        let url = "http://192.0.2.1:7280"
        let location = try Self.find(["--url", url + "/"], environment: ["TTMS_TOKEN": "secret"])
        #expect(location == RelayLocation(url: url, token: AccessToken(secret: "secret", origin: "TTMS_TOKEN")))
        #expect(try Self.status(["--url", url]) == .noPermission)
        #expect(try Self.status(["--url", url, "--token-file", "/nonexistent"]) == .noPermission)
        for right in ["http://192.0.2.1:7280//", "HTTP://192.0.2.1:7280"] {
            #expect(try Self.find(["--url", right], environment: ["TTMS_TOKEN": "secret"]).url == url, "\(right)")
        }
        for wrong in [
            "192.0.2.1:7280", "localhost:7280", "ftp://x", "http://", "", "http://x:0", "http://x:65536", "http://x:y",
            "http://user:word@x", "http://x/?query", "http://x/#fragment",
        ] {
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
            ("http://[::]:2", "http://[::1]:2"), ("http://[2001:db8::1]:2", "http://[2001:db8::1]:2"),
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
}
