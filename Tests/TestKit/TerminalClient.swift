import Foundation
import TTMSProtocol

/// A terminal: a blocking TCP socket whose every wait has a deadline. Not for use from two threads at once.
public final class TerminalClient {
    /// Something on the connection was not as expected.
    public struct Failure: Error, CustomStringConvertible {
        /// What happened, with the bytes in hex.
        public let description: String
    }

    private let descriptor: Int32
    private var isOpen = true

    /// Connects.
    ///
    /// - Parameter receiveBuffer: bytes that the kernel keeps for a terminal that does not read; the kernel's default if `nil`.
    /// - Throws: ``Failure``.
    public init(_ endpoint: RelayProcess.Endpoint, receiveBuffer: Int? = nil) throws {
        var hints = addrinfo()
        hints.ai_socktype = Self.stream
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        var addresses: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(endpoint.host, String(endpoint.port), &hints, &addresses) == 0, let address = addresses else {
            throw Failure(description: "'\(endpoint.host)' is no address")
        }
        defer { freeaddrinfo(address) }
        self.descriptor = socket(address.pointee.ai_family, Self.stream, 0)
        guard self.descriptor >= 0 else { throw Failure(description: "no socket: errno \(errno)") }
        if let receiveBuffer { self.setOption(SOL_SOCKET, SO_RCVBUF, Int32(receiveBuffer)) }
        self.setOption(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        guard Foundation.connect(self.descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 else {
            throw Failure(description: "no connection to \(endpoint.host) port \(endpoint.port): errno \(errno)")
        }
    }

    deinit { self.close() }

    /// The port on this side; 0 when the socket is closed.
    public var localPort: UInt16 {
        var address = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &address) { bytes in
            guard let start = bytes.baseAddress,
                getsockname(self.descriptor, start.assumingMemoryBound(to: sockaddr.self), &size) == 0
            else { return 0 }
            // In IPv4 and IPv6 addresses alike the port follows the family.
            return UInt16(bytes[2]) << 8 | UInt16(bytes[3])
        }
    }

    /// Bytes that the kernel keeps at the most for a terminal that does not read, its own records about them included; 0 when
    /// the socket is closed.
    public var receiveBuffer: Int {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(self.descriptor, SOL_SOCKET, SO_RCVBUF, &value, &size)
        return Int(value)
    }

    // MARK: Sending

    /// Sends all of `bytes`.
    ///
    /// - Throws: ``Failure`` when the connection is broken, or takes nothing for too long.
    public func send(_ bytes: [UInt8], within limit: Duration = patience) throws {
        let end = ContinuousClock.now + limit
        var rest = bytes[...]
        while !rest.isEmpty {
            try self.wait(for: POLLOUT, until: end, "\(rest.count) of \(bytes.count) bytes were not sent")
            let sent = rest.withUnsafeBytes {
                Foundation.send(self.descriptor, $0.baseAddress, $0.count, Self.noSignal | Int32(MSG_DONTWAIT))
            }
            if sent > 0 {
                rest = rest.dropFirst(sent)
            } else if errno != EAGAIN, errno != EINTR {
                throw Failure(description: "\(rest.count) of \(bytes.count) bytes were not sent: errno \(errno)")
            }
        }
    }

    /// Sends as much of `bytes` as the connection takes now.
    ///
    /// - Returns: how many bytes that were.
    public func sendNow(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.withUnsafeBytes {
            max(0, Foundation.send(self.descriptor, $0.baseAddress, $0.count, Self.noSignal | Int32(MSG_DONTWAIT)))
        }
    }

    // MARK: Receiving

    /// Whether something has come that was not received yet, the end of the connection included.
    public var hasInput: Bool {
        var descriptor = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&descriptor, 1, 0) > 0
    }

    /// Receives what has come.
    ///
    /// - Returns: no bytes when nothing has; `nil` when the connection has ended, in order or by a reset.
    public func receiveNow() -> [UInt8]? {
        self.read(upTo: 65_536)
    }

    /// Receives exactly `count` bytes.
    ///
    /// - Throws: ``Failure``, with the bytes that came, when fewer come in time or before the connection ends.
    public func receive(_ count: Int, within limit: Duration = patience) throws -> [UInt8] {
        let end = ContinuousClock.now + limit
        var bytes: [UInt8] = []
        while bytes.count < count {
            let shortage = "\(bytes.count) of \(count) bytes came: \(bytes.hex)"
            try self.wait(for: POLLIN, until: end, shortage)
            guard let more = self.read(upTo: count - bytes.count) else {
                throw Failure(description: "the relay closed the connection; \(shortage)")
            }
            bytes += more
        }
        return bytes
    }

    /// Receives one frame, which says its size as in the dialect `total`.
    ///
    /// - Throws: ``Failure``.
    public func receiveFrame(within limit: Duration = patience) throws -> [UInt8] {
        let head = try self.receive(Frame.addressOffset, within: limit)
        let size = Int(head[5]) << 8 | Int(head[6])
        guard size >= Frame.minimumSize else { throw Failure(description: "this begins no frame: \(head.hex)") }
        let frame = head + (try self.receive(size - head.count, within: limit))
        guard frame.reduce(0, ^) == 0 else { throw Failure(description: "the checksum does not hold: \(frame.hex)") }
        return frame
    }

    /// Receives until the relay ends the connection, in order or by a reset.
    ///
    /// - Returns: the bytes that came before.
    /// - Throws: ``Failure`` when the connection is still open at the deadline.
    public func receiveUntilClosed(within limit: Duration = patience) throws -> [UInt8] {
        let end = ContinuousClock.now + limit
        var bytes: [UInt8] = []
        while true {
            try self.wait(for: POLLIN, until: end, "the connection is still open; \(bytes.count) bytes came: \(bytes.hex)")
            guard let more = self.read(upTo: 65_536) else { return bytes }
            bytes += more
        }
    }

    /// Sends a heartbeat of `ccid`, and receives the reply.
    ///
    /// - Throws: ``Failure`` when what comes is not the reply.
    public func register(_ ccid: CCID) throws {
        try self.send(WireFrame.heartbeat(of: ccid))
        let reply = try self.receiveFrame()
        guard reply == WireFrame.heartbeat(of: ccid, content: Array(reply.dropFirst(12).prefix(4))) else {
            throw Failure(description: "this is no reply to the heartbeat of \(ccid): \(reply.hex)")
        }
    }

    /// `nil` when the connection has ended.
    private func read(upTo count: Int) -> [UInt8]? {
        var ended = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let size = recv(self.descriptor, buffer.baseAddress, count, Int32(MSG_DONTWAIT))
            filled = max(size, 0)
            ended = size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)
        }
        return ended ? nil : bytes
    }

    private func wait(for events: Int32, until end: ContinuousClock.Instant, _ shortage: String) throws {
        while true {
            let rest = ContinuousClock.now.duration(to: end)
            guard rest > .zero else { throw Failure(description: "not in time: \(shortage)") }
            let milliseconds = rest.components.seconds * 1_000 + rest.components.attoseconds / 1_000_000_000_000_000
            var descriptor = pollfd(fd: self.descriptor, events: Int16(events), revents: 0)
            if poll(&descriptor, 1, Int32(min(milliseconds + 1, 60_000))) > 0 { return }
        }
    }

    // MARK: Ending

    /// Says that nothing more will be sent (FIN), and can still receive.
    public func finish() {
        shutdown(self.descriptor, Int32(SHUT_WR))
    }

    /// Ends the connection by a reset (RST).
    public func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
        self.close()
    }

    /// Closes the socket.
    public func close() {
        guard self.isOpen else { return }
        self.isOpen = false
        _ = Foundation.close(self.descriptor)
    }

    private func setOption(_ level: Int32, _ name: Int32, _ value: Int32) {
        var value = value
        setsockopt(self.descriptor, level, name, &value, socklen_t(MemoryLayout.size(ofValue: value)))
    }

    private static let stream = Int32(SOCK_STREAM.rawValue)
    /// A peer that is gone is an error of the call, not a signal that ends the tests.
    private static let noSignal = Int32(MSG_NOSIGNAL)
}
