import Foundation
import TestKit
import Testing

/// What tests write to the admin API byte by byte.
enum AdminConnection {
    /// Connects to a relay's admin API.
    static func open(_ relay: RelayProcess, receiveBuffer: Int? = nil) throws -> TerminalClient {
        let base = try relay.admin.base
        let endpoint = RelayProcess.Endpoint("\(base.host ?? ""):\(base.port ?? 0)")
        return try TerminalClient(try #require(endpoint), receiveBuffer: receiveBuffer)
    }

    /// Lets this process open `count` files: more than many a system allows a program that does not ask.
    static func allowOpenFiles(_ count: Int) throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        try #require(limit.rlim_cur > count, "the system allows \(limit.rlim_cur) open files")
    }

    /// A request with the relay's token.
    static func request(
        _ method: String,
        _ target: String,
        _ relay: RelayProcess,
        headers: [String] = [],
        json: String? = nil
    ) throws -> [UInt8] {
        var lines = ["\(method) \(target) HTTP/1.1", "Host: 127.0.0.1", "Authorization: Bearer \(try relay.admin.token ?? "")"]
        if let json { lines += ["Content-Type: application/json", "Content-Length: \(json.utf8.count)"] }
        return Array(((lines + headers + ["", ""]).joined(separator: "\r\n") + (json ?? "")).utf8)
    }

    /// The status codes in what the relay sent, of which bodies hold none.
    static func statuses(_ bytes: [UInt8]) -> [Int] {
        String(decoding: bytes, as: UTF8.self).matches(of: #/HTTP/1\.[01] ([0-9]{3})/#).compactMap { Int($0.output.1) }
    }
}
