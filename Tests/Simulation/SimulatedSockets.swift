@testable import RelayServer

#if canImport(Glibc)
import Glibc
#endif

/// The descriptors of a simulated process: what its shards' system calls reach. The lowest free number is the next, as in a kernel,
/// so that a call on a descriptor that was closed meets somebody else's connection, or is a violation.
final class SimulatedSockets: Sockets {
    private var open: [CInt: SimulatedSocket] = [:]
    private let claims: Claims

    init(claims: Claims) {
        self.claims = claims
    }

    var nextDescriptor: CInt {
        var descriptor: CInt = 3
        while let socket = self.open[descriptor], socket.relayEnd == .open { descriptor += 1 }
        return descriptor
    }

    func opened(_ socket: SimulatedSocket) {
        self.open[socket.descriptor] = socket
    }

    private func socket(_ descriptor: CInt) -> SimulatedSocket? {
        if let socket = self.open[descriptor], socket.relayEnd == .open { return socket }
        self.claims.violated("The relay used descriptor \(descriptor), which is closed.")
        return nil
    }

    func send(_ descriptor: CInt, _ vectors: UnsafePointer<iovec>, count: Int) -> Int {
        let pieces = UnsafeBufferPointer(start: vectors, count: count)
            .map { UnsafeRawBufferPointer(start: $0.iov_base, count: $0.iov_len) }
        return self.socket(descriptor)?.send(pieces) ?? -Int(EBADF)
    }

    func unacknowledged(_ descriptor: CInt) -> Int { self.socket(descriptor)?.unacknowledged ?? -1 }

    func readable(_ descriptor: CInt) -> Int { self.socket(descriptor)?.arrived ?? -1 }

    func discard(_ descriptor: CInt, limit: Int) { self.socket(descriptor)?.discard(limit: limit) }
}
