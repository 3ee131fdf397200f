import AdminAPI
import RelayAdmin
import RelayCore
import TTMSProtocol
import Testing

/// Bodies: how large, how sent, how slow.
@Suite struct BodyTests {
    private static let target = "/api/v1/terminals/0000002a/messages"
    private static let octets = ["Content-Type": "application/octet-stream"]

    private static func chunked(_ server: TestServer) -> [UInt8] {
        server.request("POST", self.target, headers: self.octets.merging(["Transfer-Encoding": "chunked"]) { $1 })
    }

    @Test("at the limit is taken, and one byte more is not")
    func limit() async throws {
        try await TestServer.run(configure: { $0.maximumBodyBytes = 1_000 }) { server async throws in
            let client = try HTTPClient(port: server.port)
            for (size, status) in [(1_000, 202), (1_001, 413), (4_000, 413), (1_000, 202)] {
                let body = [UInt8](repeating: 7, count: size)
                try await client.send(server.request("POST", Self.target, headers: Self.octets, body: body))
                #expect(try await client.reply().status == status, "\(size)")
            }
            #expect(server.relay.withState { $0.injected.map(\.payload.count) } == [1_000, 1_000])
        }
    }

    @Test("far beyond the limit is refused before it is read")
    func announced() async throws {
        try await TestServer.run(configure: { $0.maximumBodyBytes = 1_000 }) { server async throws in
            let headers = Self.octets.merging(["Content-Length": "99999999999"]) { $1 }
            let reply = try await server.send("POST", Self.target, headers: headers)
            #expect(reply.problemCode == .bodyTooLarge)
            #expect(reply.header("connection")?.lowercased() == "close")
        }
    }

    @Test("a client that waits for a word hears the refusal instead of the word")
    func expectation() async throws {
        try await TestServer.run { server async throws in
            let client = try HTTPClient(port: server.port)
            let headers = ["Expect": "100-continue", "Content-Length": "5", "Authorization": ""]
            try await client.send(server.request("POST", Self.target, headers: headers))
            #expect(try await client.reply().problemCode == .unauthorized)

            let accepted = try HTTPClient(port: server.port)
            let waiting = Self.octets.merging(["Expect": "100-continue", "Content-Length": "5"]) { $1 }
            try await accepted.send(server.request("POST", Self.target, headers: waiting))
            let word = try await accepted.reply(toHead: true)
            #expect(word.status == 100)
            try await accepted.send("hello")
            #expect(try await accepted.reply().status == 202)
        }
    }

    @Test("chunked is put together, and has the same limit")
    func chunks() async throws {
        try await TestServer.run(configure: { $0.maximumBodyBytes = 1_000 }) { server async throws in
            let taken = try HTTPClient(port: server.port)
            try await taken.send(Self.chunked(server))
            try await taken.send("3\r\nabc\r\n")
            try await taken.send("2\r\nde\r\n0\r\n\r\n")
            #expect(try await taken.reply().status == 202)
            #expect(server.relay.withState { $0.injected.last?.payload } == Array("abcde".utf8))

            let refused = try HTTPClient(port: server.port)
            try await refused.send(Self.chunked(server))
            let piece = "1f4\r\n\(String(repeating: "x", count: 500))\r\n"
            try await refused.send("\(piece)\(piece)\(piece)0\r\n\r\n")
            #expect(try await refused.reply().problemCode == .bodyTooLarge)

            // Without an end the connection is closed once it is not worth reading on.
            let endless = try HTTPClient(port: server.port)
            try await endless.send(Self.chunked(server))
            for _ in 0..<20 { try? await endless.send(piece) }
            #expect(try await endless.isClosedByServer())
        }
    }

    @Test("one byte at a time is put together")
    func drip() async throws {
        try await TestServer.run { server async throws in
            let client = try HTTPClient(port: server.port)
            for byte in server.request("POST", Self.target, headers: Self.octets, body: Array("slow".utf8)) {
                try await client.send([byte])
            }
            #expect(try await client.reply().status == 202)
            #expect(server.relay.withState { $0.injected.last?.payload } == Array("slow".utf8))
        }
    }

    @Test("a client that never ends its request is disconnected, silent or not", arguments: [true, false])
    func slow(isSilent: Bool) async throws {
        try await TestServer.run(configure: { $0.clientTimeout = .seconds(2) }) { server async throws in
            let client = try HTTPClient(port: server.port)
            let request = server.request("POST", Self.target, headers: Self.octets, body: [UInt8](repeating: 1, count: 5_000))
            try await client.send(Array(request.prefix(300)))
            let talker = Task {
                for byte in request.dropFirst(300) where !isSilent {
                    try await client.send([byte])
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            #expect(try await client.isClosedByServer())
            talker.cancel()
            #expect(try await server.send("GET", "/livez").status == 200)
        }
    }

    @Test("a client that leaves within its request, its last bytes and its end at once, is let go", arguments: [40, 300])
    func abandoned(bytes: Int) async throws {
        // Long beyond the time that a test waits for an answer: nothing else ends these connections.
        let configure = { (options: inout AdminOptions) in
            options.clientTimeout = .seconds(600)
        }
        try await TestServer.run(configure: configure) { server async throws in
            let request = server.request("POST", Self.target, headers: Self.octets, body: [UInt8](repeating: 1, count: 5_000))
            for _ in 0..<3 { try await HTTPClient(port: server.port).send(Array(request.prefix(bytes))) }
            let client = try HTTPClient(port: server.port)
            let deadline = ContinuousClock.now + .seconds(20)
            var isAlone = false
            while !isAlone, ContinuousClock.now < deadline {
                try await client.send(server.request("GET", "/metrics"))
                let metrics = try await client.reply().text
                isAlone =
                    metrics.contains("ttms_admin_connections{token=\"true\"} 1\n")
                    && metrics.contains("ttms_admin_connections{token=\"false\"} 0\n")
            }
            #expect(isAlone)
        }
    }

    @Test("the largest payload fits in every encoding")
    func largest() async throws {
        try await TestServer.run { server async throws in
            let payload = [UInt8](repeating: 0, count: Frame.maximumSize - Frame.minimumSize)
            let texts = [
                ("hex", PayloadEncoding.hex.encode(payload).text),
                ("base64", PayloadEncoding.base64.encode(payload).text),
                ("utf8", String(repeating: #"\u0000"#, count: payload.count)),
            ]
            for (encoding, text) in texts {
                let json = #"{"payload":"\#(text)","payload_encoding":"\#(encoding)"}"#
                #expect(try await server.sendJSON("POST", Self.target, json).status == 202)
                #expect(server.relay.withState { $0.injected.last?.payload } == payload)
            }
        }
    }
}
