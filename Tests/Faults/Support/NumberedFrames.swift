import TTMSProtocol
import TestKit

/// The terminals of the tests.
extension CCID {
    static let sender = CCID(rawValue: 0x0000_0001)
    static let receiver = CCID(rawValue: 0x0000_0002)
    static let other = CCID(rawValue: 0x0000_0003)
}

/// Data frames whose payload begins with a number.
enum NumberedFrames {
    /// What arrived was no numbered frame of the sender.
    struct Unexpected: Error, CustomStringConvertible {
        let description: String
    }

    /// Frames with these numbers to `destination`, each of `size` bytes, at least 17.
    static func to(_ destination: CCID, _ numbers: Range<Int>, size: Int = 64) -> [UInt8] {
        numbers.flatMap { number in
            let digits = (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
            let fill = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: size - Frame.heartbeatSize)
            return WireFrame.data(to: destination, digits + fill)
        }
    }

    /// The number of a frame that `source` has sent.
    ///
    /// - Throws: ``Unexpected`` when it is another frame.
    static func number(of frame: [UInt8], from source: CCID = .sender) throws -> Int {
        guard frame.count >= Frame.heartbeatSize else { throw Unexpected(description: "no numbered frame: \(frame.hex)") }
        let number = frame[Frame.contentOffset..<Frame.contentOffset + 4].reduce(0) { $0 << 8 | Int($1) }
        let fill = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: frame.count - Frame.heartbeatSize)
        let content = Array(frame[Frame.contentOffset..<Frame.contentOffset + 4]) + fill
        guard frame == WireFrame.forwarded(from: source, content) else {
            throw Unexpected(description: "not a numbered frame of \(source): \(frame.prefix(40).hex)")
        }
        return number
    }

    /// The numbers of the whole frames in `bytes`.
    ///
    /// - Throws: ``Unexpected``.
    static func numbers(in bytes: [UInt8], from source: CCID = .sender) throws -> [Int] {
        var bytes = bytes
        return try WireFrame.takeFrames(from: &bytes).map { try Self.number(of: $0, from: source) }
    }
}

extension TerminalClient {
    /// Receives so many numbered frames.
    ///
    /// - Throws: ``NumberedFrames/Unexpected`` when something else comes; ``TerminalClient/Failure``.
    func receiveNumbers(_ count: Int, from source: CCID = .sender) throws -> [Int] {
        try (0..<count).map { _ in try NumberedFrames.number(of: self.receiveFrame(), from: source) }
    }

    /// Shows that nothing waits for the terminal: the reply to a heartbeat is the next that it gets.
    ///
    /// - Throws: ``TerminalClient/Failure``.
    func expectNothing(for ccid: CCID) throws {
        try self.register(ccid)
        try self.register(ccid)
    }
}

extension RelayProcess {
    /// Connects a terminal and registers it.
    ///
    /// - Throws: what connecting and registering throw.
    func terminal(_ ccid: CCID, receiveBuffer: Int? = nil) throws -> TerminalClient {
        let terminal = try self.connect(receiveBuffer: receiveBuffer)
        try terminal.register(ccid)
        return terminal
    }

    /// Waits until so many frames are kept for a terminal.
    ///
    /// - Throws: ``DeadlineExceeded``.
    func waitForBacklog(of ccid: CCID, _ frames: Int) async throws {
        let admin = try self.admin
        try await eventually("\(frames) frames are kept for \(ccid)") {
            (try? await admin.terminal(ccid))?["backlog"]?.description ?? "the terminal is not known"
        } _: {
            try await admin.backlog(of: ccid) == frames ? () : nil
        }
    }

    /// Waits until a field of the status has a value, such as `ledger.expired_total`.
    ///
    /// - Throws: ``DeadlineExceeded``.
    func waitForStatus(_ path: String, _ value: Int) async throws {
        let admin = try self.admin
        try await eventually("\(path) is \(value)") {
            (try? await admin.json("GET", "/api/v1/status"))?.description ?? "there is no status"
        } _: {
            try await admin.json("GET", "/api/v1/status").at(path)?.int == value ? () : nil
        }
    }
}
