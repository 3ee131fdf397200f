import AdminAPI
import NIOCore

/// The behaviour of a bad client of the admin API on one connection.
enum BadHabit: CaseIterable, Sendable {
    case hasNoToken
    case sendsGarbage
    case sendsAnUnknownField
    case announcesTooMuch
    case sendsTooMuch
    case pipelines
    case halfCloses
    case dripsItsBody
    case leavesWithinTheHead
    case leavesWithinTheBody
    case resets

    /// The behaviour after its bytes are sent.
    enum End: Equatable {
        /// The client waits until the relay closes the connection.
        case waits
        /// The client sends these bytes one by one, and then waits.
        case drips([UInt8])
        /// The client sends its FIN, and waits.
        case halfCloses
        /// The client closes the connection.
        case leaves
        /// The client resets the connection.
        case resets
    }

    /// The bytes that are sent at once, and the behaviour after them.
    func script(_ endpoint: AdminEndpoint) -> (bytes: [UInt8], end: End) {
        let unknown = #"{"payload":"hi","payload_encoding":"utf8","nothing":1}"#
        let sound = #"{"payload":"hi","payload_encoding":"utf8"}"#
        switch self {
        case .hasNoToken:
            return (Array("GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8), .waits)
        case .sendsGarbage: return (Array("\u{1}\u{2} TTMS\r\n\r\n".utf8), .waits)
        case .sendsAnUnknownField: return (Self.post(endpoint, unknown.utf8.count) + Array(unknown.utf8), .waits)
        case .announcesTooMuch: return (Self.post(endpoint, 1 << 40), .waits)
        case .sendsTooMuch:
            return (Self.post(endpoint, Self.tooMuch) + [UInt8](repeating: UInt8(ascii: "x"), count: Self.tooMuch), .waits)
        case .pipelines:
            return (Array(repeating: Self.head("GET", RoutePath.livez.rawValue, endpoint), count: 10).flatMap(\.self), .leaves)
        case .halfCloses:
            return (Self.head("GET", RoutePath.status.rawValue, endpoint), .halfCloses)
        case .dripsItsBody: return (Self.post(endpoint, sound.utf8.count), .drips(Array(sound.utf8)))
        case .leavesWithinTheHead: return (Array("GET /api/v1/terminals HTTP/1.1\r\nHost: local".utf8), .leaves)
        case .leavesWithinTheBody: return (Self.post(endpoint, sound.utf8.count) + Array(sound.utf8.prefix(5)), .leaves)
        case .resets: return (Self.post(endpoint, sound.utf8.count) + Array(sound.utf8.prefix(5)), .resets)
        }
    }

    /// One byte more than the relay accepts.
    private static let tooMuch = (1 << 20) + 1

    private static func post(_ endpoint: AdminEndpoint, _ length: Int) -> [UInt8] {
        let headers = ["Connection: close", "Content-Type: application/json", "Content-Length: \(length)"]
        return self.head("POST", RoutePath.terminalMessages.path("00000000") + "?preview=true", endpoint, headers)
    }

    private static func head(
        _ method: String,
        _ target: String,
        _ endpoint: AdminEndpoint,
        _ headers: [String] = []
    ) -> [UInt8] {
        let lines = ["\(method) \(target) HTTP/1.1", "Host: \(endpoint.address)", "Authorization: Bearer \(endpoint.token)"]
        return Array((lines + headers + ["", ""]).joined(separator: "\r\n").utf8)
    }
}
