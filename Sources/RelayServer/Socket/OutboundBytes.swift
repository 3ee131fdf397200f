import NIOCore

#if canImport(Glibc)
import Glibc
#endif

/// The bytes of one connection that its peer has not acknowledged: those written to the socket, and those still to be written.
///
/// Offsets count from the connection's first byte, without withdrawn ones; `acknowledged <= written <= put`. The bytes lie in
/// chunks of the loop's pool, in order. A frame is rewritten straight into the last chunk, is sent from there, and stays until it
/// is acknowledged, so that it is copied once. No memory is owned while everything is acknowledged, or for bytes that are never
/// read back (``releaseWritten()``).
struct OutboundBytes: ~Copyable {
    private struct Chunk {
        var base: UnsafeMutableRawPointer
        /// Offset of `base`'s first byte.
        var start: UInt64
        var used: Int
        var rung: Int

        var end: UInt64 { self.start &+ UInt64(truncatingIfNeeded: self.used) }
    }

    /// The offset just after the last byte that was put.
    private(set) var put: UInt64 = 0
    /// The offset just after the last byte that the socket has taken.
    private(set) var written: UInt64 = 0
    /// The offset just after the last byte that the peer's kernel has acknowledged.
    private(set) var acknowledged: UInt64 = 0
    /// The offset just after the last byte that SwiftNIO has been given to write.
    private var handed: UInt64 = 0

    /// Chunks before the last.
    private var full = CircularBuffer<Chunk>(initialCapacity: 0)
    private var last: Chunk?
    private let pool: ChunkPool

    init(pool: ChunkPool) {
        self.pool = pool
    }

    deinit {
        for chunk in self.full { self.pool.give(chunk.base, chunk.rung) }
        if let last { self.pool.give(last.base, last.rung) }
    }

    /// Bytes put and not acknowledged.
    @inline(__always)
    var unacknowledged: Int { Int(truncatingIfNeeded: self.put &- self.acknowledged) }

    /// Whether it owns chunks of the pool.
    var hasMemory: Bool { self.last != nil || !self.full.isEmpty }

    /// Bytes put that the socket has not taken.
    var unwritten: Int { Int(truncatingIfNeeded: self.put &- self.written) }

    /// Whether bytes wait to be written.
    @inline(__always)
    var hasUnwritten: Bool { self.written != self.put }

    // MARK: Putting

    /// Room for `size` bytes after all that were put, 1...65535; they count as put.
    @inline(__always)
    mutating func reserve(_ size: Int) -> UnsafeMutableRawPointer {
        if let last, last.used &+ size <= ChunkPool.sizes[last.rung] {
            self.last?.used = last.used &+ size
            self.put &+= UInt64(truncatingIfNeeded: size)
            return last.base + last.used
        }
        return self.reserveInNewChunk(size)
    }

    @inline(never)
    private mutating func reserveInNewChunk(_ size: Int) -> UnsafeMutableRawPointer {
        var rung = 0
        if let last {
            self.full.append(last)
            rung = min(last.rung + 1, ChunkPool.sizes.count - 1)
        }
        while ChunkPool.sizes[rung] < size, rung + 1 < ChunkPool.sizes.count { rung += 1 }
        let base = self.pool.take(rung)
        self.last = Chunk(base: base, start: self.put, used: size, rung: rung)
        self.put &+= UInt64(size)
        return base
    }

    /// The part of a drained run that is put into one chunk at once: any chunk but the two smallest can hold it.
    private static let pieceSize = 16 << 10

    /// Appends a copy of `bytes`.
    mutating func put(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        var offset = 0
        while offset < bytes.count {
            let size = min(bytes.count - offset, Self.pieceSize)
            self.reserve(size).copyMemory(from: start + offset, byteCount: size)
            offset += size
        }
    }

    // MARK: Writing

    /// The result of an attempt to write.
    enum WriteResult {
        /// Everything has been taken.
        case done
        /// The socket is full for now.
        case full
        /// The connection is broken; the errno.
        case failed(Int32)
    }

    /// Writes the waiting bytes to the socket, many chunks with one system call.
    mutating func write(to descriptor: CInt, of sockets: any Sockets) -> WriteResult {
        while self.written != self.put {
            let sent = self.sendOnce(descriptor, sockets)
            if sent > 0 {
                self.written &+= UInt64(sent)
            } else if sent == -Int(EAGAIN) {
                return .full
            } else {
                return .failed(Int32(truncatingIfNeeded: -sent))
            }
        }
        return .done
    }

    /// The maximum number of vectors of one system call: one socket buffer would not take more.
    private static let vectorLimit = 16

    private func sendOnce(_ descriptor: CInt, _ sockets: any Sockets) -> Int {
        if let last, last.start <= self.written {
            let skip = Int(self.written &- last.start)
            var vector = iovec(iov_base: last.base + skip, iov_len: last.used - skip)
            return sockets.send(descriptor, &vector, count: 1)
        }
        return withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.vectorLimit) { vectors in
            var count = 0
            self.forEachPiece(from: self.written, to: self.put) { piece in
                vectors[count] = iovec(iov_base: UnsafeMutableRawPointer(mutating: piece.baseAddress), iov_len: piece.count)
                count += 1
                return count < Self.vectorLimit
            }
            guard let start = vectors.baseAddress, count > 0 else { return 0 }
            return sockets.send(descriptor, start, count: count)
        }
    }

    /// A copy of the next `limit` bytes that wait, for SwiftNIO to write when the socket has room; see ``pieceWritten(_:)``.
    mutating func nextPiece(limit: Int) -> ByteBuffer {
        let end = min(self.put, self.written + UInt64(limit))
        self.handed = end
        return self.copy(from: self.written, to: end)
    }

    /// Records that SwiftNIO has written a piece of `size` bytes.
    mutating func pieceWritten(_ size: Int) {
        self.written = min(self.put, self.written + UInt64(size))
    }

    // MARK: Withdrawing

    /// The offset from which on bytes leave only if the relay writes them.
    var firstUnsent: UInt64 { max(self.written, self.handed) }

    /// Removes bytes that are no longer to be written; bytes after them move up.
    ///
    /// - Parameter ranges: not before ``firstUnsent``, in order, without overlap.
    mutating func withdraw(_ ranges: [Range<UInt64>]) {
        guard let first = ranges.first?.lowerBound else { return }
        var kept = ByteBuffer()
        for (index, range) in ranges.enumerated() {
            var piece = self.copy(
                from: range.upperBound,
                to: index + 1 < ranges.count ? ranges[index + 1].lowerBound : self.put
            )
            kept.writeBuffer(&piece)
        }
        while let last, last.start >= first {
            self.pool.give(last.base, last.rung)
            self.last = self.full.popLast()
        }
        if let last { self.last?.used = Int(first - last.start) }
        self.put = first
        kept.withUnsafeReadableBytes { self.put($0) }
    }

    // MARK: Acknowledgement

    /// Records that the peer has acknowledged all written bytes but `outstanding`.
    ///
    /// - Returns: whether that is more than before.
    mutating func acknowledge(allBut outstanding: Int) -> Bool {
        let offset = self.written &- min(self.written, UInt64(max(outstanding, 0)))
        guard offset > self.acknowledged else { return false }
        self.acknowledged = offset
        return true
    }

    /// Releases the chunks before `offset`, if acknowledged: their bytes are not read back.
    mutating func release(before offset: UInt64) {
        self.releaseChunks(before: min(offset, self.acknowledged))
    }

    /// Releases the chunks that the socket has taken, acknowledged or not: their bytes are not read back. A fleet that sends its
    /// heartbeats at once thus needs memory for those of one tick, not for all replies on their way.
    mutating func releaseWritten() {
        self.releaseChunks(before: self.written)
    }

    private mutating func releaseChunks(before offset: UInt64) {
        while let first = self.full.first, first.end <= offset {
            self.pool.give(first.base, first.rung)
            self.full.removeFirst()
        }
        if let last, last.end <= offset {
            self.pool.give(last.base, last.rung)
            self.last = nil
        }
    }

    // MARK: Reading back

    /// A copy of the bytes from one offset, not released yet, to another.
    func copy(from start: UInt64, to end: UInt64) -> ByteBuffer {
        var result = ByteBufferAllocator().buffer(capacity: Int(end - start))
        self.forEachPiece(from: start, to: end) { piece in
            result.writeBytes(piece)
            return true
        }
        return result
    }

    private func forEachPiece(from start: UInt64, to end: UInt64, _ body: (UnsafeRawBufferPointer) -> Bool) {
        func visit(_ chunk: Chunk) -> Bool {
            let first = max(start, chunk.start)
            let stop = min(end, chunk.end)
            guard first < stop else { return true }
            let count = Int(stop - first)
            return body(UnsafeRawBufferPointer(start: chunk.base + Int(first - chunk.start), count: count))
        }
        for chunk in self.full where !visit(chunk) { return }
        if let last { _ = visit(last) }
    }
}
