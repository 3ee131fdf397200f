import Logging
import NIOCore

/// Has a listener wait after it could not accept for lack of open files or memory.
///
/// SwiftNIO's `AcceptBackoffHandler` does not help here: it holds back the next read, but a read that has failed stays registered
/// with the selector. Only switching the reading off takes it away from there.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private let report: AcceptReport
    private let logger: Logger

    init(_ report: AcceptReport, _ logger: Logger) {
        self.report = report
        self.logger = logger
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let number = (error as? IOError)?.errnoCode
        guard let number, let isNews = self.report.failed(number, now: .now()) else {
            context.fireErrorCaught(error)
            return
        }
        if isNews {
            self.logger.warning(
                "No connection can be accepted; it is tried again ten times a second, and not logged again.",
                metadata: ["error": "\(error)", "advice": "\(AcceptReport.advice(number) ?? "")"]
            )
        }
        let channel = context.channel
        try? channel.syncOptions?.setOption(.autoRead, value: false)
        context.eventLoop.scheduleTask(in: AcceptReport.pause) {
            // A listener that was closed in the meantime has nothing to read.
            try? channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }
}
