import AdminAPI
import Foundation

/// A server under load: the relay, or a peer.
struct Server: Sendable {
    /// What it is called in what is printed.
    var name: String
    var `protocol`: WireProtocol
    var address: SocketAddress
    /// `nil` when it runs elsewhere: what it costs is not known then.
    var process: ServerProcess?
    /// `nil` for peers.
    var admin: AdminEndpoint?
    /// Whether it keeps frames for terminals that are away.
    var keepsMessages: Bool

    init(name: String, protocol: WireProtocol, address: SocketAddress, keepsMessages: Bool? = nil) {
        self.name = name
        self.protocol = `protocol`
        self.address = address
        self.keepsMessages = keepsMessages ?? `protocol`.wire.keepsMessages
    }

    /// Finds a relay by what it has left in its data directory.
    ///
    /// - Throws: ``LoadFailure``.
    static func relay(in directory: String, name: String = "relay") throws(LoadFailure) -> Server {
        let path = "\(directory)/\(Endpoints.fileName)"
        guard let data = FileManager.default.contents(atPath: path),
            let endpoints = try? APIJSON.decode(Endpoints.self, from: data)
        else { throw LoadFailure("No relay was found: \(path) cannot be read. A relay writes it when it is ready.") }
        guard let terminals = endpoints.terminals.lazy.compactMap({ SocketAddress(argument: $0) }).first else {
            throw LoadFailure("\(path) names no address that terminals connect to.")
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
    /// The address to connect to on this machine, where a server listens on this one.
    var reachable: SocketAddress {
        switch self.host {
        case "0.0.0.0": SocketAddress(host: "127.0.0.1", port: self.port)
        case "::": SocketAddress(host: "::1", port: self.port)
        default: self
        }
    }
}
