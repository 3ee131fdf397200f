import NIOCore

/// Turns the bytes of a connection into frames, and buffers an unfinished frame.
///
/// Confined to its connection's event loop.
final class FrameReceiver: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ReceivedFrame

    /// The relay's default `quiet_time`: a frame of the dialect `marker` ends only by silence.
    private static let quietTime = TimeAmount.milliseconds(50)

    private var bytes = ByteBuffer()
    private var quiet: Scheduled<Void>?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var read = self.unwrapInboundIn(data)
        self.bytes.writeBuffer(&read)
        self.quiet?.cancel()
        self.receive(context: context, isQuiet: false)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.quiet?.cancel()
        self.receive(context: context, isQuiet: true)
        context.fireChannelInactive()
    }

    private func receive(context: ChannelHandlerContext, isQuiet: Bool) {
        while self.bytes.readableBytes > 0 {
            switch self.bytes.withUnsafeReadableBytes({ FrameReader.step($0, isQuiet: isQuiet) }) {
            case .frame(let frame, let size):
                self.bytes.moveReaderIndex(forwardBy: size)
                context.fireChannelRead(self.wrapInboundOut(frame))
            case .needsBytes:
                self.bytes.discardReadBytes()
                return
            case .needsBytesOrQuiet:
                self.quiet = context.eventLoop.assumeIsolated().scheduleTask(in: Self.quietTime) {
                    self.receive(context: context, isQuiet: true)
                    context.fireChannelReadComplete()
                }
                return
            case .notAFrame:
                self.bytes.clear()
                let failure = Failure(.notUnderstood, "The received bytes are not a frame of a relay. Correct --address.")
                context.fireErrorCaught(failure)
                context.close(promise: nil)
                return
            }
        }
        self.bytes.clear()
    }
}
