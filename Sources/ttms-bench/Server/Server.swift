import AdminAPI
import Foundation

/// A server under load: the relay, or a peer.
struct Server: Sendable {
    /// The name in the results.
    var name: String
    var `protocol`: WireProtocol
    var address: SocketAddress
    /// The measured process; `nil` when the server runs elsewhere, so that its cost is not known.
    var process: ServerProcess?
    /// The admin API; `nil` for peers.
    var admin: AdminEndpoint?
    /// Whether it stores frames for offline terminals.
    var storesMessages: Bool

    init(name: String, protocol: WireProtocol, address: SocketAddress, storesMessages: Bool? = nil) {
        self.name = name
        self.protocol = `protocol`
        self.address = address
        self.storesMessages = storesMessages ?? `protocol`.wire.storesMessages
    }

    /// Finds a relay by the files in its data directory.
    ///
    /// - Throws: ``LoadFailure``.
    static func relay(in directory: String, name: String = "relay") throws(LoadFailure) -> Server {
        let path = "\(directory)/\(Endpoints.fileName)"
        guard let data = FileManager.default.contents(atPath: path),
            let endpoints = try? APIJSON.decode(Endpoints.self, from: data)
        else { throw LoadFailure("No relay was found: \(path) cannot be read. A relay writes it when it is ready.") }
        guard let terminals = endpoints.terminals.lazy.compactMap({ SocketAddress(argument: $0) }).first else {
            throw LoadFailure("\(path) names no address for terminals.")
        }
        let store = "\(directory)/\(Endpoints.storeDirectoryName)"
        var server = Server(name: name, protocol: .ttms, address: terminals.reachable)
        server.process = ServerProcess(pid: endpoints.pid, storeDirectory: store)
        let token = FileManager.default.contents(atPath: "\(directory)/\(Endpoints.tokenFileName)")
            .map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) }
        if let token, let admin = SocketAddress(argument: endpoints.admin.replacingOccurrences(of: "http://", with: "")) {
            server.admin = AdminEndpoint(address: admin.reachable, token: token)
        }
        return server
    }
}

extension SocketAddress {
    /// The address to connect to on this machine, for a server that listens on this one.
    var reachable: SocketAddress {
        switch self.host {
        case "0.0.0.0": SocketAddress(host: "127.0.0.1", port: self.port)
        case "::": SocketAddress(host: "::1", port: self.port)
        default: self
        }
    }
}
