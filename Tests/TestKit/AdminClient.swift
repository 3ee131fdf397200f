import Foundation
import TTMSProtocol

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// The admin API, as an operator's script uses it.
public struct AdminClient: Sendable {
    /// What the relay answered.
    public struct Answer: Sendable {
        /// The status code.
        public let status: Int
        /// Names in lower case.
        public let headers: [String: String]
        /// The body.
        public let body: Data

        /// The body read as JSON.
        ///
        /// - Throws: `DecodingError`.
        public var json: JSONValue { get throws { try JSONDecoder().decode(JSONValue.self, from: self.body) } }

        /// The body as text.
        public var text: String { String(decoding: self.body, as: UTF8.self) }
    }

    /// An answer that was not the expected one.
    public struct Failure: Error, CustomStringConvertible {
        /// What was asked, and what came.
        public let description: String
    }

    /// Where the API is, without a path.
    public let base: URL
    /// What goes into `Authorization`; `nil` to leave it out.
    public var token: String?

    /// Makes a client.
    public init(base: URL, token: String?) {
        self.base = base
        self.token = token
    }

    /// Asks.
    ///
    /// - Parameters:
    ///   - path: with its query, such as `/api/v1/terminals?limit=2`.
    ///   - json: the body.
    ///   - headers: further ones.
    /// - Throws: ``Failure`` when there is no answer.
    public func request(
        _ method: String,
        _ path: String,
        json: JSONValue? = nil,
        headers: [String: String] = [:]
    ) async throws -> Answer {
        let body = try json.map { try JSONEncoder().encode($0) }
        let contentType = body.map { _ in "application/json" }
        return try await self.request(method, path, body: body, contentType: contentType, headers: headers)
    }

    /// Asks, with any body.
    ///
    /// - Throws: ``Failure`` when there is no answer.
    public func request(
        _ method: String,
        _ path: String,
        body: Data?,
        contentType: String?,
        headers: [String: String] = [:]
    ) async throws -> Answer {
        guard let url = URL(string: path, relativeTo: self.base) else { throw Failure(description: "'\(path)' is no path") }
        var request = URLRequest(url: url, cachePolicy: .reloadIgnoringLocalCacheData, timeoutInterval: 20)
        request.httpMethod = method
        request.httpBody = body
        if let contentType { request.setValue(contentType, forHTTPHeaderField: "Content-Type") }
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let (answer, response) = try await URLSession.shared.data(for: request)
        guard let response = response as? HTTPURLResponse else {
            throw Failure(description: "\(method) \(path) was not answered over HTTP")
        }
        let headers = response.allHeaderFields.map { ("\($0.key)".lowercased(), "\($0.value)") }
        return Answer(
            status: response.statusCode,
            headers: Dictionary(headers, uniquingKeysWith: { first, _ in first }),
            body: answer
        )
    }

    /// The JSON behind a path.
    ///
    /// - Throws: ``Failure`` when the status is not `status`.
    public func json(
        _ method: String = "GET",
        _ path: String,
        json: JSONValue? = nil,
        status: Int = 200
    ) async throws -> JSONValue {
        let answer = try await self.request(method, path, json: json)
        guard answer.status == status else {
            throw Failure(description: "\(method) \(path): \(answer.status), not \(status): \(answer.text)")
        }
        return try answer.json
    }

    /// One terminal; `nil` when the relay does not know it.
    ///
    /// - Throws: ``Failure``.
    public func terminal(_ ccid: CCID) async throws -> JSONValue? {
        let answer = try await self.request("GET", "/api/v1/terminals/\(ccid)")
        if answer.status == 404 { return nil }
        guard answer.status == 200 else { throw Failure(description: "terminal \(ccid): \(answer.status) \(answer.text)") }
        return try answer.json
    }

    /// The frames kept for a terminal, 0 when the relay does not know it.
    ///
    /// - Throws: ``Failure``.
    public func backlog(of ccid: CCID) async throws -> Int {
        try await self.terminal(ccid)?.at("backlog.frames")?.int ?? 0
    }

    /// Every sample of `/metrics`, under its name with its labels, such as `ttms_connections_closed_total{reason="kicked"}`.
    ///
    /// - Throws: ``Failure``.
    public func metrics() async throws -> [String: Double] {
        let answer = try await self.request("GET", "/metrics")
        guard answer.status == 200 else { throw Failure(description: "metrics: \(answer.status) \(answer.text)") }
        let lines = answer.text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        let samples = lines.compactMap { line -> (String, Double)? in
            guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else { return nil }
            return (String(line[..<space]), value)
        }
        return Dictionary(samples, uniquingKeysWith: { _, last in last })
    }
}
