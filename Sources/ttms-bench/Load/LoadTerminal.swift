import NIOCore
import TTMSProtocol

/// A simulated terminal's connection: reads frames, and sends at its loop's pace.
///
/// Confined to its event loop; `@unchecked Sendable` because channel initializers have to be `Sendable`.
final class LoadTerminal: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let index: Int
    let loop: LoadLoop
    private(set) var context: ChannelHandlerContext?
    /// The bytes of an unfinished frame.
    private var unparsed = ByteBuffer()
    /// The bytes of the next write; its memory is reused.
    var outbound = ByteBuffer()

    /// Whether the server has answered the registration.
    private var isRegistered = false
    /// Frames that it still waits for before it is served.
    private var awaiting: Int
    /// The source and the number of the last frame that arrived.
    private var last: (source: UInt32, number: UInt32)?
    private var isClosing = false
    /// The reason why the connection ends.
    private var refusal: String?

    /// The destinations of its frames; `nil` for terminals that only receive.
    var target: Target?
    /// The number of the next frame.
    var number: UInt32 = 0
    /// Frames sent that have not arrived, in a closed loop.
    var underWay = 0
    /// Whether it is in ``LoadLoop/withRoom``.
    var isInLine = false
    /// Its part of an open loop's schedule, and the number of those frames that it has sent.
    var turn: (schedule: Schedule, position: UInt64, senders: UInt64, sent: UInt64)?
    /// Batches of an errand that the server has not answered, the oldest first: the frames of each, and the time.
    var unanswered: [(frames: Int, sentAt: UInt64)] = []
    /// Frames or heartbeats of an errand that are not sent yet.
    var remaining = 0

    init(index: Int, loop: LoadLoop, awaiting: Int) {
        self.index = index
        self.loop = loop
        self.awaiting = awaiting
    }

    // MARK: Connection

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        var buffer = context.channel.allocator.buffer(capacity: 128)
        self.loop.plan.protocol.wire.writeRegistration(of: self.loop.plan.ccid(of: self.index), into: &buffer)
        context.writeAndFlush(self.wrapOutboundOut(buffer), promise: nil)
        if self.loop.plan.readsSlowly(self.index) { self.readSlowly() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        if !self.isClosing { self.loop.lost(self, because: self.refusal ?? "the server closed it") }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.refusal = self.refusal ?? "\(error)"
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable else { return }
        switch self.loop.pace {
        case .none: break
        case .closed: self.fillWindow()
        case .open(let schedule, _):
            let now = LoadClock.now
            self.catchUp(due: schedule.due(at: now), now: now)
        }
    }

    /// Closes the connection; its end is then no failure.
    func close() -> EventLoopFuture<Void>? {
        self.isClosing = true
        return self.context?.close()
    }

    // MARK: A slow reader

    /// Bytes of one read of a slow reader, and about the size of its receive buffer in the kernel.
    static let slowRead = 4_096
    /// The time between two reads, which gives about 40 kB/s.
    private static let slowInterval = TimeAmount.milliseconds(100)

    private func readSlowly() {
        guard let context else { return }
        context.read()
        self.loop.eventLoop.scheduleTask(in: Self.slowInterval) { self.readSlowly() }
    }

    /// Makes a slow reader read as fast as it can.
    func readFast() {
        guard let context, self.loop.plan.readsSlowly(self.index) else { return }
        _ = context.channel.setOption(.autoRead, value: true)
    }

    // MARK: Received bytes

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        if self.unparsed.readableBytes > 0 {
            self.unparsed.writeBuffer(&bytes)
            swap(&self.unparsed, &bytes)
        }
        let now = LoadClock.now
        let size = bytes.withUnsafeReadableBytes { bytes in
            switch self.loop.plan.protocol {
            case .ttms: self.consume(bytes, TTMSWire.self, now: now)
            case .nats: self.consume(bytes, NATSWire.self, now: now)
            case .mqtt: self.consume(bytes, MQTTWire.self, now: now)
            }
        }
        bytes.moveReaderIndex(forwardBy: size)
        self.unparsed.clear()
        if bytes.readableBytes > 0 { self.unparsed.writeBuffer(&bytes) }
        self.loop.useRoom()
    }

    /// Handles all whole units in `bytes`, and returns their size.
    private func consume<W: Wire>(_ bytes: UnsafeRawBufferPointer, _ wire: W.Type, now: UInt64) -> Int {
        var offset = 0
        while offset < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
            switch W.step(rest) {
            case .needsBytes: return offset
            case .message(let payload, let size):
                self.receive(UnsafeRawBufferPointer(rebasing: rest[payload]), now: now)
                offset &+= size
            case .answer(let size):
                self.answered(now: now)
                offset &+= size
            case .question(let size):
                self.outbound.clear()
                W.writeAnswer(into: &self.outbound)
                self.flush()
                offset &+= size
            case .other(let size): offset &+= size
            case .refusal(let reason):
                self.refusal = reason
                self.context?.close(promise: nil)
                return bytes.count
            }
        }
        return offset
    }

    @inline(__always)
    private func receive(_ payload: UnsafeRawBufferPointer, now: UInt64) {
        let loop = self.loop
        guard let stamp = Stamp(payload), stamp.run == loop.plan.run else {
            loop.measurements.counts.foreign &+= 1
            return
        }
        if let last, last.source == stamp.source, Int32(bitPattern: stamp.number &- last.number) <= 0 {
            loop.measurements.counts.outOfOrder &+= 1
        }
        self.last = (stamp.source, stamp.number)
        if self.awaiting > 0 {
            self.drain(now: now)
        } else if loop.plan.slow.contains(Int(stamp.source)) {
            loop.measurements.counts.deliveredToSlow &+= 1
        } else {
            loop.measurements.counts.delivered &+= 1
            loop.measurements.latency.record(from: stamp.intended, to: now)
        }
        if case .closed = loop.pace { loop.giveRoom(to: stamp.source) }
    }

    /// Counts a frame that was queued; its age is no latency.
    private func drain(now: UInt64) {
        self.loop.measurements.counts.drained &+= 1
        self.awaiting &-= 1
        if self.awaiting == 0, self.isRegistered { self.loop.served(now: now) }
    }

    private func answered(now: UInt64) {
        guard self.isRegistered else {
            self.isRegistered = true
            self.loop.registered()
            if self.awaiting == 0 { self.loop.served(now: now) }
            return
        }
        self.loop.answered(self, now: now)
    }

    // MARK: Writing

    /// Sends the bytes of ``outbound``.
    func flush() {
        guard let context, self.outbound.readableBytes > 0 else { return }
        context.writeAndFlush(self.wrapOutboundOut(self.outbound), promise: nil)
    }
}
