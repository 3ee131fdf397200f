import TTMSProtocol
import TestKit

/// A connection on which a client says that it is the terminal ``CCID/receiver``, whoever else does.
final class Contender {
    /// What came between one reply to a heartbeat of the terminal and the next: the numbers of the frames, as they came.
    private(set) var tenures: [[Int]] = []
    /// Heartbeats of the terminal that were sent.
    private(set) var heartbeats = 0
    /// Whether the relay has not closed the connection.
    private(set) var isOpen = true

    private let client: TerminalClient
    private var unread: [UInt8] = []

    init(_ client: TerminalClient) {
        self.client = client
    }

    /// Where the relay sees it.
    var address: String { "127.0.0.1:\(self.client.localPort)" }

    /// Whether all its heartbeats have their replies.
    var isAnswered: Bool { self.tenures.count == self.heartbeats }

    /// Says that it is the terminal.
    func heartbeat() throws {
        try self.client.send(WireFrame.heartbeat(of: .receiver))
        self.heartbeats += 1
    }

    /// Reads what has come.
    ///
    /// - Returns: whether anything has, be it the end of the connection.
    /// - Throws: ``NumberedFrames/Unexpected`` when it is neither a reply nor a numbered frame, or came before the first reply.
    func takeWhatCame() throws -> Bool {
        guard self.isOpen, self.client.hasInput else { return false }
        guard let bytes = self.client.receiveNow() else {
            self.isOpen = false
            self.client.close()
            return true
        }
        self.unread += bytes
        for frame in WireFrame.takeFrames(from: &self.unread) { try self.take(frame) }
        return true
    }

    private func take(_ frame: [UInt8]) throws {
        if frame == WireFrame.heartbeat(of: .receiver, content: Array(frame[Frame.contentOffset...].prefix(4))) {
            self.tenures.append([])
            return
        }
        let number = try NumberedFrames.number(of: frame)
        guard !self.tenures.isEmpty else {
            throw NumberedFrames.Unexpected(description: "frame \(number) came before the reply to the terminal's heartbeat")
        }
        self.tenures[self.tenures.count - 1].append(number)
    }
}
