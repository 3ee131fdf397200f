import AdminAPI
import Logging

@testable import RelayAdmin

/// What decides who may do what, without a server around it, on a directory of its own.
struct TestAccess {
    let directory: TemporaryDirectory
    let control: AccessControl
    let service: AdminService

    init(listeningOn host: String = "127.0.0.1", relay: FakeRelay = FakeRelay()) throws {
        self.directory = try TemporaryDirectory()
        self.control = try AccessControl(
            options: AdminOptions(host: host, directory: directory.path),
            operations: relay,
            logger: .silent
        )
        self.service = AdminService(
            router: Router(
                routes: RouteTable.routes(
                    relay,
                    settings: FakeSettings(),
                    access: self.control,
                    events: EventHub(log: relay.events, options: AdminOptions(directory: self.directory.path)),
                    connections: ClientConnections(timeout: .seconds(30), places: AdminPlaces(connections: 8))
                )
            ),
            access: self.control,
            hosts: HostPolicy(listeningOn: host),
            logger: .silent
        )
    }

    /// The routes alone.
    static func routes(_ relay: FakeRelay) throws -> [Route] {
        try TestAccess(relay: relay).service.router.routes
    }

    /// A token with these scopes.
    func token(_ scopes: [Scope]) async throws -> String {
        try await self.control.tokens.create(name: "test", scopes: scopes, expiresAt: nil).1.text
    }
}

extension FileInventory {
    /// The one of a directory, which logs nothing.
    static func silent(_ directory: TemporaryDirectory) -> FileInventory {
        FileInventory(file: directory.file("admin.json"), logger: .silent)
    }
}
