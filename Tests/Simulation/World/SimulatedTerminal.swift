import TTMSProtocol
import TestKit

/// A terminal's end of one connection: it writes heartbeats and numbered data, and reads as fast as it likes.
///
/// A device that connects anew leaves its former connection alive, as terminals behind lossy links do, and both go on.
final class SimulatedTerminal {
    let device: Schedule.Terminal
    let socket: SimulatedSocket
    private let claims: Claims
    /// Whose heartbeat it wrote last: the source of its data.
    private var source: CCID
    /// Its program does not read.
    var isStalled = false

    init(_ device: Schedule.Terminal, _ socket: SimulatedSocket, _ claims: Claims) {
        self.device = device
        self.socket = socket
        self.claims = claims
        self.source = device.ccids[0]
    }

    func heartbeat(of ccid: CCID) {
        guard self.socket.canWrite else { return }
        self.source = ccid
        self.socket.write(WireFrame.heartbeat(of: ccid, dialect: self.device.dialect))
        self.claims.wrote(.heartbeat(ccid), on: self.socket)
    }

    func send(to destination: CCID, payload size: Int) {
        guard self.socket.canWrite else { return }
        let number = self.claims.nextNumber
        let payload = NumberedPayload.bytes(number, size: size)
        let dialect = self.device.dialect
        self.claims.messages.append(
            Claims.Message(
                source: self.source,
                destination: destination,
                frame: WireFrame.forwarded(from: self.source, payload, dialect: dialect),
                sender: self.socket.number
            )
        )
        self.socket.write(WireFrame.data(to: destination, payload, dialect: dialect))
        self.claims.wrote(.data(number), on: self.socket)
    }

    /// What no terminal should send; the relay may close the connection for it.
    func makeNoise(_ kind: Int) {
        guard self.socket.canWrite else { return }
        switch kind {
        case 1 where self.device.dialect != .content:
            // Too short; in `marker` too short to be a frame. In `content` no length is, and it would be the beginning of a frame.
            self.socket.write([0x24, 0x54, 0x54, 0x4d, 0x53, 0, 2] + (self.device.dialect == .marker ? [0x24] : []))
        case 0, 1: self.socket.write(Array("$TTMX nothing of the kind".utf8))
        default:
            let frame = WireFrame(address: self.source, command: 0x77, content: [1, 2, 3], dialect: self.device.dialect)
            self.socket.write(frame.bytes)
        }
        self.claims.wrote(.noise, on: self.socket)
    }

    /// A frame with a command that nobody knows, where it is ignored.
    func sendUnknownCommand() {
        guard self.socket.canWrite else { return }
        let frame = WireFrame(address: self.source, command: 0x77, content: [1, 2, 3], dialect: self.device.dialect)
        self.socket.write(frame.bytes)
    }
}
