import Foundation
import Glibc

/// One TCP connection, and HTTP/1.1 read from it as it comes: requests are written byte by byte by the tests, malformed or not.
///
/// Each blocking call runs on a thread of its own, since the tasks of the server under test need those of the pool.
final class HTTPClient: Sendable {
    /// An answer.
    struct Reply: Sendable {
        var status: Int
        /// Names in lower case.
        var headers: [(name: String, value: String)]
        var body: [UInt8]

        func header(_ name: String) -> String? { self.headers.first { $0.name == name }?.value }
        var text: String { String(decoding: self.body, as: UTF8.self) }
    }

    struct Failure: Error {
        var message: String
    }

    private let descriptor: Int32

    /// Connects to a port of 127.0.0.1, or of ::1.
    init(port: Int, isIPv6: Bool = false) throws {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        var addresses: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(isIPv6 ? "::1" : "127.0.0.1", String(port), &hints, &addresses) == 0, let address = addresses else {
            throw Failure(message: "no address")
        }
        defer { freeaddrinfo(addresses) }
        self.descriptor = socket(address.pointee.ai_family, hints.ai_socktype, 0)
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        guard Glibc.connect(self.descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 else {
            throw Failure(message: "connect: \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        close(self.descriptor)
    }

    func send(_ text: String) async throws {
        try await self.send(Array(text.utf8))
    }

    func send(_ bytes: [UInt8]) async throws {
        let descriptor = self.descriptor
        try await Self.onOwnThread {
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { throw Failure(message: "send: \(String(cString: strerror(errno)))") }
                rest = rest.dropFirst(count)
            }
        }
    }

    /// Reads the next answer. Answers are read one at a time, so nothing may have been pipelined behind it.
    func reply(toHead: Bool = false) async throws -> Reply {
        let descriptor = self.descriptor
        return try await Self.onOwnThread {
            var bytes: [UInt8] = []
            while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
                bytes += try Self.read(descriptor, 1, orThrow: "the connection ended within the head: \(bytes.count) bytes")
            }
            var reply = try Self.parse(head: String(decoding: bytes, as: UTF8.self))
            if toHead || reply.status == 204 { return reply }
            guard let length = reply.header("content-length").flatMap(Int.init) else {
                while case let piece = try Self.read(descriptor, 4_096), !piece.isEmpty { reply.body += piece }
                return reply
            }
            while reply.body.count < length {
                reply.body += try Self.read(
                    descriptor,
                    length - reply.body.count,
                    orThrow: "the connection ended within the body"
                )
            }
            return reply
        }
    }

    /// Reads up to the next empty line, which is left out; what there is when the server closes the connection before.
    func block() async throws -> String {
        let descriptor = self.descriptor
        return try await Self.onOwnThread {
            var bytes: [UInt8] = []
            while case let byte = try Self.read(descriptor, 1), !byte.isEmpty {
                bytes += byte
                if bytes.suffix(2).elementsEqual("\n\n".utf8) || bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) { break }
            }
            return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines)
        }
    }

    /// Whether the server closes the connection, with nothing more to say, before the time for reading is over.
    func isClosedByServer() async throws -> Bool {
        let descriptor = self.descriptor
        return try await Self.onOwnThread {
            var byte: UInt8 = 0
            let count = Self.receive(descriptor, &byte, 1)
            return count == 0 || (count < 0 && errno == ECONNRESET)
        }
    }

    /// All that comes until the server closes the connection.
    func everything() async throws -> String {
        let descriptor = self.descriptor
        return try await Self.onOwnThread {
            var bytes: [UInt8] = []
            // A reset behind an answer is an end, too.
            while let piece = try? Self.read(descriptor, 4_096), !piece.isEmpty { bytes += piece }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    /// `recv`, again when something that is not for this test has interrupted it.
    private static func receive(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
        while true {
            let size = recv(descriptor, bytes, count, 0)
            if size >= 0 || errno != EINTR { return size }
        }
    }

    private static func read(_ descriptor: Int32, _ count: Int, orThrow message: String? = nil) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let size = Self.receive(descriptor, &bytes, count)
        if size > 0 { return Array(bytes.prefix(size)) }
        if size == 0, message == nil { return [] }
        throw Failure(message: size < 0 ? "recv: \(String(cString: strerror(errno)))" : message ?? "")
    }

    private static func parse(head: String) throws -> Reply {
        let lines = head.components(separatedBy: "\r\n").filter { !$0.isEmpty }
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count > 1, let status = Int(words[1]) else { throw Failure(message: "no status line: \(head)") }
        let headers = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            return (name: parts[0].lowercased(), value: parts.count > 1 ? parts[1] : "")
        }
        return Reply(status: status, headers: headers, body: [])
    }

    private static func onOwnThread<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Swift.Result(catching: body)) }
        }
    }
}
