import Foundation
import TestKit

/// Answers each request with what the relay answers to the same one without any Accept header: so an old Prometheus is scraped,
/// which does not ask for OpenMetrics, by a new one.
final class Forwarder: Sendable {
    /// Where it listens, on 127.0.0.1.
    let port: UInt16
    private let descriptor: Int32

    /// - Parameter path: what is asked for, whatever the request says.
    init(to admin: AdminClient, path: String) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && listen(descriptor, 8) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard isBound else {
            close(descriptor)
            throw POSIXError(.init(rawValue: errno) ?? .EIO)
        }
        self.descriptor = descriptor
        self.port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread {
            while case let client = accept(descriptor, nil, nil), client >= 0 {
                Task { await Self.serve(client, admin, path) }
            }
            close(descriptor)
        }
    }

    deinit {
        shutdown(self.descriptor, Int32(SHUT_RDWR))
    }

    /// One request per connection; Prometheus sends its head in one piece.
    private static func serve(_ client: Int32, _ admin: AdminClient, _ path: String) async {
        defer { close(client) }
        var request = [UInt8](repeating: 0, count: 4_096)
        guard recv(client, &request, request.count, 0) > 0, let answer = try? await admin.request("GET", path) else { return }
        let head = """
            HTTP/1.1 \(answer.status) Forwarded\r
            Content-Type: \(answer.headers["content-type"] ?? "")\r
            Content-Length: \(answer.body.count)\r
            Connection: close\r
            \r

            """
        var rest = Array(head.utf8) + answer.body
        while case let count = send(client, rest, rest.count, Int32(MSG_NOSIGNAL)), count > 0, count < rest.count {
            rest.removeFirst(count)
        }
    }
}
