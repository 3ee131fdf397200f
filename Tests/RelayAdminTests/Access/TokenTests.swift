import AdminAPI
import Foundation
import RelayCore
import Testing

@testable import RelayAdmin

/// Tokens made from the first one: what they open, how they end, what is kept of them.
@Suite struct TokenTests {
    private static let start = Timestamp(microseconds: 1_700_000_000_000_000)

    private static func scopes(of secret: String, in tokens: TokenRegistry, at now: Timestamp = start) -> Set<Scope>? {
        tokens.caller(authorization: "Bearer \(secret)", now: now)?.scopes
    }

    @Test("made over HTTP, a token is shown once, opens what its scopes say, and nothing when it is revoked")
    func life() async throws {
        try await TestServer.run { server async throws in
            let made = try await server.sendJSON(
                "POST",
                "/api/v1/tokens",
                #"{"name": "monitor@example", "scopes": ["read"], "for_seconds": 3600}"#
            )
            #expect(made.status == 201)
            let token = try made.model(TokenResource.self)
            let secret = try #require(token.token)
            #expect(made.header("location") == "/api/v1/tokens/\(token.id)")
            #expect(secret.wholeMatch(of: /[0-9a-f]{64}/) != nil && !secret.hasPrefix(token.id))
            #expect(token.name == "monitor@example" && token.scopes == [.read] && token.lastUsedAt == nil)
            let times = try [token.createdAt, token.expiresAt].map { try #require($0.flatMap(APITime.milliseconds)) }
            #expect(times[1] - times[0] == 3_600_000)

            func status(_ method: String, _ path: String) async throws -> Int {
                try await server.send(method, path, headers: ["Authorization": "Bearer \(secret)"]).status
            }
            #expect(try await status("GET", "/api/v1/terminals") == 200)
            #expect(try await status("DELETE", "/api/v1/terminals/0000002a/messages") == 403)
            #expect(try await status("GET", "/api/v1/tokens") == 403)

            let list = try await server.send("GET", "/api/v1/tokens")
            #expect(!list.text.contains(secret))
            let tokens = try list.model(Page<TokenResource>.self).data
            #expect(Set(tokens.map(\.id)) == [token.id, "admin"])
            #expect(tokens.allSatisfy { $0.lastUsedAt != nil && $0.token == nil })

            #expect(try await server.send("DELETE", "/api/v1/tokens/\(token.id)").status == 204)
            #expect(try await status("GET", "/api/v1/terminals") == 401)
            #expect(try await server.send("DELETE", "/api/v1/tokens/\(token.id)").problemCode == .tokenNotFound)
            #expect(try await server.send("DELETE", "/api/v1/tokens/admin").problemCode == .tokenInFile)
            #expect(try await server.send("GET", "/api/v1/tokens").status == 200)
        }
    }

    @Test("tokens whose time has been over for 30 days go when another one is made")
    func forgotten() async throws {
        // It keeps the directory.
        let access = try TestAccess()
        let tokens = access.control.tokens
        let start = Timestamp(microseconds: 1_700_000_000_000_000)
        for seconds in [60, 120] as [Int64] {
            let expiry = start.advanced(bySeconds: seconds)
            _ = try await tokens.create(name: "\(seconds)", scopes: [.read], expiresAt: expiry, now: start)
        }
        let later = start.advanced(bySeconds: 90 + TokenRegistry.memory)
        _ = try await tokens.create(name: "new", scopes: [.read], expiresAt: nil, now: later)
        #expect(access.control.tokens.tokens().map(\.name) == ["admin.token", "120", "new"])
    }

    @Test("pages follow each other")
    func pages() async throws {
        try await TestServer.run { server async throws in
            for _ in 0..<4 {
                #expect(try await server.sendJSON("POST", "/api/v1/tokens", #"{"name":"n","scopes":["read"]}"#).status == 201)
            }
            var ids: [String] = []
            var path = "/api/v1/tokens?limit=2"
            while true {
                let page = try await server.send("GET", path).model(Page<TokenResource>.self)
                ids += page.data.map(\.id)
                guard let cursor = page.meta.nextCursor else { break }
                path = "/api/v1/tokens?limit=2&cursor=\(cursor)"
            }
            #expect(ids.count == 5 && ids == ids.sorted())
            #expect(try await server.send("GET", "/api/v1/tokens?cursor=x").problemCode == .invalidCursor)
        }
    }

    @Test(
        "a body that is not right makes no token, and all that is wrong is said",
        arguments: [
            (#"{}"#, ["/name", "/scopes"]),
            (#"{"name": "", "scopes": []}"#, ["/name", "/scopes"]),
            (#"{"name": "a b", "scopes": ["read"]}"#, ["/name"]),
            (#"{"name": 1, "scopes": "read"}"#, ["/name", "/scopes"]),
            (#"{"name": "a", "scopes": ["read", "read"]}"#, ["/scopes"]),
            (#"{"name": "a", "scopes": ["write"]}"#, ["/scopes"]),
            (#"{"name": "a", "scopes": [null]}"#, ["/scopes"]),
            (#"{"name": "a", "scopes": ["read"], "for_seconds": 0}"#, ["/for_seconds"]),
            (#"{"name": "a", "scopes": ["read"], "for_seconds": 1.5}"#, ["/for_seconds"]),
            (#"{"name": "a", "scopes": ["read"], "for_seconds": 4294967296}"#, ["/for_seconds"]),
            (#"{"name": "a", "scopes": ["read"], "for_seconds": "1h"}"#, ["/for_seconds"]),
            (#"{"name": "a", "scopes": ["read"], "expires/~": 1}"#, ["/expires~1~0"]),
            (#"["name"]"#, [""]),
        ]
    )
    func refused(_ body: String, _ pointers: [String]) async throws {
        try await TestServer.run { server async throws in
            let reply = try await server.sendJSON("POST", "/api/v1/tokens", body)
            #expect(reply.problemCode == .invalidBody)
            #expect(try reply.model(ProblemDetails.self).errors?.map(\.pointer) == pointers)
            #expect(try await server.sendJSON("POST", "/api/v1/tokens", "{").problemCode == .invalidJSON)
            #expect(try await server.send("POST", "/api/v1/tokens", body: [0]).problemCode == .unsupportedMediaType)
            #expect(try await server.send("GET", "/api/v1/tokens").model(Page<TokenResource>.self).data.count == 1)
        }
    }

    @Test("a restart keeps tokens, their ends and their last use, and no secret is on the disk but the first")
    func restart() async throws {
        let access = try TestAccess()
        let tokens = access.control.tokens
        let (_, lasting) = try await tokens.create(name: "a", scopes: [.read], expiresAt: nil, now: Self.start)
        let end = Self.start.advanced(bySeconds: 60)
        let (_, ending) = try await tokens.create(name: "b", scopes: [.messagesWrite], expiresAt: end, now: Self.start)
        let (revoked, gone) = try await tokens.create(name: "c", scopes: [.read], expiresAt: nil, now: Self.start)
        try await tokens.revoke(revoked.id)
        #expect(Self.scopes(of: lasting.text, in: tokens) == [.read])
        await tokens.close()

        let options = AdminOptions(directory: access.directory.path)
        let again = try AccessControl(options: options, operations: FakeRelay(), logger: .silent).tokens
        #expect(again.tokens().map(\.name).sorted() == ["a", "admin.token", "b"])
        #expect(again.tokens().first { $0.name == "a" }?.lastUsedAt == Self.start)
        #expect(Self.scopes(of: lasting.text, in: again) == [.read])
        #expect(Self.scopes(of: ending.text, in: again) == [.messagesWrite])
        #expect(Self.scopes(of: ending.text, in: again, at: Timestamp(microseconds: end.microseconds - 1)) == [.messagesWrite])
        #expect(Self.scopes(of: ending.text, in: again, at: end) == nil)
        #expect(Self.scopes(of: gone.text, in: again) == nil)

        let file = access.directory.file("tokens.json")
        let content = try String(contentsOfFile: file, encoding: .utf8)
        let digest = try #require(lasting.digest).hex
        #expect(!content.contains(lasting.text) && content.contains(digest))
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
    }

    @Test("a token that cannot be kept is not made")
    func fullDisk() async throws {
        let access = try TestAccess()
        // What stands in the place of the unfinished file cannot be removed.
        try FileManager.default.createDirectory(
            atPath: access.directory.file("tokens.json.new"),
            withIntermediateDirectories: true
        )
        let error = await #expect(throws: ProblemDetails.self) {
            try await access.control.tokens.create(name: "a", scopes: [.read], expiresAt: nil)
        }
        #expect(error?.code == .storeUnavailable)
        #expect(access.control.tokens.tokens().count == 1)
    }

    @Test("there is an end to how many there may be")
    func limit() async throws {
        let directory = try TemporaryDirectory()
        let digest = try #require(TokenSecret("abc").digest)
        let many = (0..<TokenRegistry.maximum - 1).map { TokenRecord(id: "\($0)", name: "n", scopes: [.read], digest: digest) }
        try JSONEncoder().encode(TokenRecord.File(tokens: many)).write(to: URL(filePath: directory.file("tokens.json")))
        let tokens = try AccessControl(
            options: AdminOptions(directory: directory.path),
            operations: FakeRelay(),
            logger: .silent
        ).tokens
        let error = await #expect(throws: ProblemDetails.self) {
            try await tokens.create(name: "a", scopes: [.read], expiresAt: nil)
        }
        #expect(error?.code == .limitReached)
        try await tokens.revoke("7")
        _ = try await tokens.create(name: "a", scopes: [.read], expiresAt: nil)
    }

    @Test("the first token is another one when its file was replaced and read again")
    func reload() async throws {
        let access = try TestAccess()
        let tokens = access.control.tokens
        let file = access.directory.file("admin.token")
        let former = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .newlines)
        let (_, other) = try await tokens.create(name: "a", scopes: [.read], expiresAt: nil, now: Self.start)
        try FileManager.default.removeItem(atPath: file)
        #expect(Self.scopes(of: former, in: tokens) == [.admin])
        try await tokens.reload()
        #expect(Self.scopes(of: former, in: tokens) == nil)
        #expect(Self.scopes(of: other.text, in: tokens) == [.read])
        let new = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .newlines)
        #expect(Self.scopes(of: new, in: tokens) == [.admin])

        try "no token".write(toFile: file, atomically: true, encoding: .utf8)
        await #expect(throws: AdminError.self) { try await tokens.reload() }
        #expect(Self.scopes(of: new, in: tokens) == [.admin])
    }

    @Test(
        "a damaged file keeps the relay from starting, and is left as it is",
        arguments: ["{", "[]", #"{"tokens":[{"id":"1"}]}"#]
    )
    func damaged(_ content: String) throws {
        let directory = try TemporaryDirectory()
        let file = directory.file("tokens.json")
        try content.write(toFile: file, atomically: true, encoding: .utf8)
        let error = #expect(throws: AdminError.self) {
            try AccessControl(options: AdminOptions(directory: directory.path), operations: FakeRelay(), logger: .silent)
        }
        #expect(error?.description.contains(file) == true)
        #expect(try String(contentsOfFile: file, encoding: .utf8) == content)
    }

    @Test("the digest is SHA-256")
    func digest() {
        let digest = TokenSecret("abc").digest
        #expect(digest?.hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(TokenDigest(hex: digest?.hex ?? "") == digest)
        #expect(TokenDigest(hex: "ba78") == nil)
    }
}
