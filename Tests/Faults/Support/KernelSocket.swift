import Foundation

/// What this machine's kernel knows of one side of a TCP connection on 127.0.0.1, be it of another process.
struct KernelSocket {
    /// Bytes that have come and were not read.
    let unread: Int
    /// Bytes that were written and are not acknowledged, sent or not.
    let unacknowledged: Int
    /// Whether it has more to send than the other side's kernel takes, and asks now and then whether that has changed.
    let isProbing: Bool

    /// The longest segment over the loopback: what may still come after a probe.
    static let longestSegment = 65_536

    /// Looks for the side that has these ports; `nil` when it is not there, or was not seen: connections that come and go meanwhile
    /// let the kernel skip others in its list.
    init?(local: UInt16, remote: UInt16) {
        let list = Self.list()
        guard let side = list.range(of: Data("\(Self.address(local)) \(Self.address(remote)) ".utf8)) else { return nil }
        // State, queues of what is to be sent and was not read, timer, all in hex.
        let fields = String(decoding: list[side.upperBound...].prefix(40), as: UTF8.self).split(separator: " ")
        guard fields.count > 2 else { return nil }
        let queues = fields[1].split(separator: ":").compactMap { Int($0, radix: 16) }
        guard queues.count == 2 else { return nil }
        (self.unacknowledged, self.unread) = (queues[0], queues[1])
        self.isProbing = fields[2].hasPrefix("04:")
    }

    /// Not by Foundation, which takes what one read gives for all of a file whose size is said to be 0.
    private static func list() -> Data {
        let descriptor = open("/proc/net/tcp", O_RDONLY)
        defer { close(descriptor) }
        var (list, buffer) = (Data(), [UInt8](repeating: 0, count: 65_536))
        while case let count = read(descriptor, &buffer, buffer.count), count > 0 { list += buffer[..<count] }
        return list
    }

    /// 127.0.0.1 as the kernel writes it, which is as its bytes lie in memory.
    private static func address(_ port: UInt16) -> String {
        String(format: "%08X:%04X", UInt32(0x7f00_0001).bigEndian, port)
    }
}
