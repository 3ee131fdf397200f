import Foundation

/// Notifies systemd of the service's state (`sd_notify`): one datagram to the socket in `$NOTIFY_SOCKET`, nothing without it.
enum SystemdNotifier {
    /// Sends a state such as `READY=1`.
    static func notify(_ state: String, environment: [String: String] = ProcessInfo.processInfo.environment) {
        guard let path = environment["NOTIFY_SOCKET"], path.hasPrefix("/") || path.hasPrefix("@") else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        // An abstract socket's name begins with a zero byte, written as @.
        if name[0] == UInt8(ascii: "@") { name[0] = 0 }
        guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let socket = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return }
        defer { close(socket) }
        let size = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        _ = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: Foundation.sockaddr.self, capacity: 1) { address in
                // A receiver that does not read has a full queue, which must not block the relay.
                let flags = CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT)
                return state.withCString { sendto(socket, $0, strlen($0), flags, address, size) }
            }
        }
    }
}
