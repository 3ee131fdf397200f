import Foundation
import NIOCore
import Testing

@testable import RelayServer

/// Against a real socket pair of TCP, because acknowledgement is the kernel's.
@Suite struct OutboundBytesTests {
    @Test(arguments: 1...4) func bytesLeaveInOrderAndAreKeptUntilAcknowledged(seed: UInt64) throws {
        var random = SplitMix(seed)
        let pair = try TCPPair()
        var outbound = OutboundBytes(pool: ChunkPool())
        var put: [UInt8] = []
        var received: [UInt8] = []
        for _ in 0..<200 {
            let size = Int(random.next() % (random.next() % 10 == 0 ? 65_535 : 300)) + 1
            let bytes = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            if random.next() % 2 == 0 {
                outbound.reserve(size).copyMemory(from: bytes, byteCount: size)
            } else {
                bytes.withUnsafeBytes { outbound.put($0) }
            }
            put += bytes
            if random.next() % 4 == 0 { _ = outbound.write(to: pair.near, of: KernelSockets()) }
            if random.next() % 4 == 0 { received += pair.receive() }
            // What is not acknowledged can be read back.
            let start = outbound.acknowledged + UInt64(outbound.unacknowledged) / 2
            let kept = outbound.copy(from: start, to: outbound.put)
            #expect(Array(kept.readableBytesView) == Array(put[Int(start)...]))
            let outstanding = pair.unacknowledged()
            _ = outbound.acknowledge(allBut: outstanding)
            let (acknowledged, written) = (outbound.acknowledged, outbound.written)
            #expect(acknowledged == written - UInt64(outstanding))
            outbound.release(before: outbound.acknowledged)
        }
        while outbound.hasUnwritten {
            _ = outbound.write(to: pair.near, of: KernelSockets())
            received += pair.receive()
        }
        while received.count < put.count { received += pair.receive() }
        #expect(received == put)
        _ = outbound.acknowledge(allBut: 0)
        let unacknowledged = outbound.unacknowledged
        #expect(unacknowledged == 0)
    }

    @Test func aFullSocketSaysSoAndSwiftNIOsPieceCountsWhenItIsWritten() throws {
        let pair = try TCPPair()
        var outbound = OutboundBytes(pool: ChunkPool())
        let block = [UInt8](repeating: 7, count: 60_000)
        while true {
            block.withUnsafeBytes { outbound.put($0) }
            if case .full = outbound.write(to: pair.near, of: KernelSockets()) { break }
            let put = outbound.put
            try #require(put < 1 << 30)
        }
        let written = outbound.written
        let piece = outbound.nextPiece(limit: 1_000)
        #expect(piece.readableBytes == 1_000)
        outbound.pieceWritten(1_000)
        let writtenThen = outbound.written
        #expect(writtenThen == written + 1_000)
        outbound.pieceWritten(.max / 4)
        let hasUnwritten = outbound.hasUnwritten
        #expect(!hasUnwritten)
    }

    @Test func whatNobodyReadsBackIsLetGoWhenTheSocketHasIt() throws {
        let pair = try TCPPair()
        let pool = ChunkPool()
        var outbound = OutboundBytes(pool: pool)
        var put: [UInt8] = []
        for number in 0..<200 {
            let bytes = [UInt8](repeating: UInt8(number), count: 17 + number * 40)
            bytes.withUnsafeBytes { outbound.put($0) }
            put += bytes
            #expect(pool.lent > 0)
            if case .done = outbound.write(to: pair.near, of: KernelSockets()) { outbound.releaseWritten() }
            #expect(pool.lent == 0)
            let unacknowledged = outbound.unacknowledged
            #expect(unacknowledged == put.count)
        }
        var received: [UInt8] = []
        while received.count < put.count { received += pair.receive() }
        #expect(received == put)
        // What is put behind is found by its offset all the same.
        put[0..<50].withUnsafeBytes { outbound.put($0) }
        let copy = outbound.copy(from: outbound.written, to: outbound.put)
        #expect(Array(copy.readableBytesView) == Array(put[0..<50]))
    }

    @Test func aBrokenConnectionSaysSo() throws {
        let pair = try TCPPair()
        pair.resetFar()
        var outbound = OutboundBytes(pool: ChunkPool())
        var isBroken = false
        for _ in 0..<1_000 where !isBroken {
            _ = outbound.reserve(10)
            if case .failed = outbound.write(to: pair.near, of: KernelSockets()) { isBroken = true }
        }
        #expect(isBroken)
    }
}

/// Two ends of a TCP connection over loopback; the near one does not block.
final class TCPPair {
    let near: CInt
    private var far: CInt

    /// - Returns: a socket that is connected to a port of this machine.
    static func connect(port: UInt16) throws -> CInt {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0)
        return descriptor
    }

    init() throws {
        let stream = CInt(SOCK_STREAM.rawValue)
        let listener = socket(AF_INET, stream, 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let far = socket(AF_INET, stream, 0)
        let isConnected = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, size) == 0 && listen(listener, 1) == 0
                    && getsockname(listener, address, &size) == 0 && Glibc.connect(far, address, size) == 0
            }
        }
        let near = accept(listener, nil, nil)
        try #require(isConnected && near >= 0)
        self.near = near
        self.far = far
        _ = fcntl(near, F_SETFL, O_NONBLOCK)
    }

    deinit {
        close(self.near)
        if self.far >= 0 { close(self.far) }
    }

    /// What has arrived; waits for something when nothing has, but not for ever.
    func receive() -> [UInt8] {
        var poll = pollfd(fd: self.far, events: Int16(POLLIN), revents: 0)
        guard Foundation.poll(&poll, 1, 50) == 1 else { return [] }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = recv(self.far, &bytes, bytes.count, 0)
        return Array(bytes.prefix(max(0, count)))
    }

    /// What the kernel says.
    func unacknowledged() -> Int {
        var bytes: CInt = 0
        // SIOCOUTQ, which Glibc's module does not show.
        _ = withUnsafeMutablePointer(to: &bytes) { ioctl(self.near, 0x5411, $0) }
        return Int(bytes)
    }

    func resetFar() {
        var linger = Foundation.linger(l_onoff: 1, l_linger: 0)
        setsockopt(self.far, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
        close(self.far)
        self.far = -1
    }
}
