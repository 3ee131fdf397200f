import Logging
import NIOCore

#if canImport(Glibc)
import Glibc
#endif

/// Has a listener wait while there are not enough files for another connection, or after it could not accept for lack of files or memory.
///
/// SwiftNIO's `AcceptBackoffHandler` does not help here: it holds back the next read, but a read that has failed stays registered
/// with the selector. Only switching the reading off takes it away from there.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private let report: AcceptReport
    private let logger: Logger
    private var isPaused = false

    init(_ report: AcceptReport, _ logger: Logger) {
        self.report = report
        self.logger = logger
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        if !Self.hasFiles(context) { self.pause(context, EMFILE, error: "few files are left to open") }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let number = (error as? IOError)?.errnoCode, AcceptReport.advice(number) != nil else {
            context.fireErrorCaught(error)
            return
        }
        self.pause(context, number, error: "\(error)")
    }

    /// Whether a connection may be accepted; a listener that is closed has nothing to accept.
    private static func hasFiles(_ context: ChannelHandlerContext) -> Bool {
        let handle = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 }
        return handle.map(FileHeadroom.isThere) ?? true
    }

    private func pause(_ context: ChannelHandlerContext, _ number: CInt, error: String) {
        if self.report.failed(number, now: .now()) == true {
            self.logger.warning(
                "No connection can be accepted; it is tried again ten times a second, and not logged again.",
                metadata: ["error": "\(error)", "advice": "\(AcceptReport.advice(number) ?? "")"]
            )
        }
        guard !self.isPaused else { return }
        self.isPaused = true
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        context.eventLoop.assumeIsolated().scheduleTask(in: AcceptReport.pause) { self.goOn(context) }
    }

    private func goOn(_ context: ChannelHandlerContext) {
        self.isPaused = false
        guard Self.hasFiles(context) else { return self.pause(context, EMFILE, error: "few files are left to open") }
        // A listener that was closed in the meantime has nothing to read.
        try? context.channel.syncOptions?.setOption(.autoRead, value: true)
    }
}
