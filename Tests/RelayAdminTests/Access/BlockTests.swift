import AdminAPI
import Foundation
import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayAdmin

/// Blocks over HTTP: what is asked for, kept, and put in force.
@Suite struct BlockTests {
    private static let now = Timestamp.now

    @Test("a block is made, listed, replaced and removed, and each time put in force")
    func life() async throws {
        try await TestServer.run { server async throws in
            let made = try await server.sendJSON(
                "POST",
                "/api/v1/blocks",
                #"{"target": "192.0.2.9/24", "for_seconds": 60, "reason": "flood"}"#
            )
            #expect(made.status == 201 && made.header("location") == "/api/v1/blocks/192.0.2.0%2F24")
            let block = try made.model(BlockResource.self)
            #expect(block.target == "192.0.2.0/24" && block.kind == .address && block.reason == "flood")
            #expect(block.createdBy == "admin.token" && block.expiresAt != nil && block.closedConnections == 3)
            let terminal = try await server.sendJSON("POST", "/api/v1/blocks", #"{"target": "0000002A", "reason": null}"#)
            #expect(try terminal.model(BlockResource.self).kind == .terminal && terminal.status == 201)
            #expect(try await server.sendJSON("POST", "/api/v1/blocks", #"{"target": "192.0.2.0/24"}"#).status == 200)

            let list = try await server.send("GET", "/api/v1/blocks").model(Page<BlockResource>.self).data
            #expect(list.map(\.target) == ["0000002a", "192.0.2.0/24"])
            #expect(list.allSatisfy { $0.expiresAt == nil && $0.closedConnections == nil })
            let inForce = try #require(server.relay.withState { $0.blocks.last })
            #expect(inForce.contains(CCID(rawValue: 0x2a), at: Self.now))
            #expect(inForce.contains(PeerAddress(try SocketAddress(ipAddress: "192.0.2.77", port: 1)), at: Self.now))

            #expect(try await server.send("DELETE", "/api/v1/blocks/0000002a").status == 204)
            #expect(try await server.send("DELETE", "/api/v1/blocks/192.0.2.0%2F24").status == 204)
            #expect(server.relay.withState { $0.blocks.last?.isEmpty } == true)
            for target in ["0000002a", "192.0.2.0%2F24", "nobody", "192.0.2.0"] {
                #expect(try await server.send("DELETE", "/api/v1/blocks/\(target)").problemCode == .blockNotFound)
            }
        }
    }

    @Test(
        "a body that is not right blocks nobody",
        arguments: [
            (#"{}"#, "/target"), (#"{"target": "nobody"}"#, "/target"), (#"{"target": "192.0.2.0/40"}"#, "/target"),
            (#"{"target": 42}"#, "/target"), (#"{"target": "0000002a", "for_seconds": -1}"#, "/for_seconds"),
            (#"{"target": "0000002a", "reason": 1}"#, "/reason"), (#"{"target": "0000002a", "ccid": 1}"#, "/ccid"),
        ]
    )
    func refused(_ body: String, _ pointer: String) async throws {
        try await TestServer.run { server async throws in
            let reply = try await server.sendJSON("POST", "/api/v1/blocks", body)
            #expect(reply.problemCode == .invalidBody)
            #expect(try reply.model(ProblemDetails.self).errors?.map(\.pointer) == [pointer])
            #expect(server.relay.withState { $0.blocks.isEmpty })
        }
    }

    private static func block(_ target: String, expiresAt: Timestamp? = nil) throws -> BlockRecord {
        let target = try #require(Block.Target(target))
        return BlockRecord(target: target, reason: "", createdAt: Self.now, createdBy: "test", expiresAt: expiresAt)
    }

    @Test("a restart keeps blocks and their ends, and puts them in force")
    func restart() async throws {
        let access = try TestAccess()
        let end = Self.now.advanced(bySeconds: 3_600)
        _ = try await access.control.blocks.add(Self.block("2001:db8::/32"))
        _ = try await access.control.blocks.add(Self.block("0000002a", expiresAt: end))
        let relay = FakeRelay()
        let options = AdminOptions(directory: access.directory.path)
        let again = try AccessControl(options: options, operations: relay, logger: .silent).blocks
        #expect(await again.blocks().map(\.target.description).sorted() == ["0000002a", "2001:db8::/32"])
        #expect(await again.blocks(now: end).map(\.target.description) == ["2001:db8::/32"])
        await again.start()
        let inForce = try #require(relay.withState { $0.blocks.last })
        #expect(inForce.contains(CCID(rawValue: 0x2a), at: Self.now))
    }

    @Test("a block that has ended is taken out of force by itself")
    func end() async throws {
        let relay = FakeRelay()
        let access = try TestAccess(relay: relay)
        _ = try await access.control.blocks.add(Self.block("0000002a", expiresAt: Timestamp.now.advanced(bySeconds: 1)))
        #expect(relay.withState { $0.blocks.last?.isEmpty } == false)
        #expect(await eventually { relay.withState { $0.blocks.last?.isEmpty } == true })
    }

    @Test("a block that cannot be kept is not put in force")
    func fullDisk() async throws {
        let relay = FakeRelay()
        let access = try TestAccess(relay: relay)
        // What stands in the place of the unfinished file cannot be removed.
        try FileManager.default.createDirectory(
            atPath: access.directory.file("blocks.json.new"),
            withIntermediateDirectories: true
        )
        let error = await #expect(throws: ProblemDetails.self) { try await access.control.blocks.add(Self.block("0000002a")) }
        #expect(error?.code == .storeUnavailable)
        #expect(relay.withState { $0.blocks.isEmpty })
        #expect(await access.control.blocks.blocks().isEmpty)
    }

    @Test("a damaged file keeps the relay from starting: it would let in whom an operator has shut out")
    func damaged() throws {
        let directory = try TemporaryDirectory()
        try #"{"format":1,"blocks":[{"target":"x"}]}"#.write(
            toFile: directory.file("blocks.json"),
            atomically: true,
            encoding: .utf8
        )
        let error = #expect(throws: AdminError.self) {
            try AccessControl(options: AdminOptions(directory: directory.path), operations: FakeRelay(), logger: .silent)
        }
        #expect(error?.description.contains("blocks.json") == true)
    }
}
