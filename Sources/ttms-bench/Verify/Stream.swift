import Glibc
import TTMSProtocol

/// A terminal's non-blocking socket, with the bytes to send and the bytes of an unfinished frame.
final class Stream {
    /// The relay cannot be reached.
    struct ConnectError: Error, CustomStringConvertible {
        let address: SocketAddress
        let code: Int32

        var description: String { "no connection to \(self.address): \(String(cString: strerror(self.code)))" }
    }

    let descriptor: Int32
    private var outbound: [UInt8] = []
    private var inbound: [UInt8] = []

    /// Connects.
    ///
    /// - Throws: ``ConnectError``.
    init(_ address: SocketAddress) throws {
        let type = Int32(SOCK_STREAM.rawValue)
        var hints = addrinfo()
        hints.ai_socktype = type
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address.host, String(address.port), &hints, &found) == 0, let info = found else {
            throw ConnectError(address: address, code: EINVAL)
        }
        defer { freeaddrinfo(info) }
        self.descriptor = socket(info.pointee.ai_family, type, 0)
        guard self.descriptor >= 0 else { throw ConnectError(address: address, code: errno) }
        // Connecting blocks: over the loopback it takes no time, and fails at once while the relay is down.
        guard connect(self.descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0 else {
            let code = errno
            close(self.descriptor)
            throw ConnectError(address: address, code: code)
        }
        _ = fcntl(self.descriptor, F_SETFL, O_NONBLOCK)
        var on: Int32 = 1
        setsockopt(self.descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit { close(self.descriptor) }

    /// Whether a write has failed; only bytes that had arrived before can still be read.
    private(set) var isBroken = false

    /// Bytes that wait for the socket.
    var unsent: Int { self.outbound.count }

    func put(_ bytes: [UInt8]) {
        self.outbound += bytes
    }

    /// Sends as much as the socket accepts. On a broken connection the bytes are dropped; reading still returns the bytes that
    /// had arrived, and then the end.
    func flush() {
        var sent = 0
        defer { self.outbound.removeFirst(sent) }
        while sent < self.outbound.count {
            let size = self.outbound.withUnsafeBytes {
                send(self.descriptor, $0.baseAddress.map { $0 + sent }, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if size < 0, errno != EAGAIN, errno != EINTR {
                self.isBroken = true
                sent = self.outbound.count
            }
            guard size > 0 else { return }
            sent += size
        }
    }

    /// Sends the FIN.
    func finish() {
        shutdown(self.descriptor, Int32(SHUT_WR))
    }

    /// The result of a read.
    enum Inbound {
        case nothing
        case frames([[UInt8]])
        /// The relay's bytes are no frame: the following bytes cannot be read.
        case garbage
        case ended
    }

    /// Reads once.
    func read() -> Inbound {
        let size = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 65_536) { buffer in
            let size = recv(self.descriptor, buffer.baseAddress, buffer.count, 0)
            if size > 0 { self.inbound += buffer[..<size] }
            return size
        }
        if size < 0 { return errno == EAGAIN || errno == EINTR ? .nothing : .ended }
        return size == 0 ? .ended : self.frames()
    }

    /// Takes the whole frames from the received bytes. All terminals of a run use `total`, so all length fields do.
    private func frames() -> Inbound {
        var frames: [[UInt8]] = []
        var offset = 0
        while self.inbound.count - offset >= Frame.addressOffset {
            let size = Int(self.inbound[offset + 5]) << 8 | Int(self.inbound[offset + 6])
            guard size >= Frame.minimumSize, self.inbound[offset] == UInt8(ascii: "$") else { return .garbage }
            guard size <= self.inbound.count - offset else { break }
            frames.append(Array(self.inbound[offset..<offset + size]))
            offset += size
        }
        self.inbound.removeFirst(offset)
        return frames.isEmpty ? .nothing : .frames(frames)
    }
}
