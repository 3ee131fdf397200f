import AdminAPI
import Foundation
import FoundationNetworking

/// The admin API of one relay.
struct AdminClient: Sendable {
    /// Items that a page of a list holds: the API's largest.
    private static let pageSize = 1_000

    private let location: RelayLocation
    private let session: URLSession

    /// Makes a client; nothing is sent yet.
    init(location: RelayLocation) {
        self.location = location
        if location.isLoopback {
            // The library below URLSession sends requests through $http_proxy, and so would send the token there.
            setenv("no_proxy", "*", 1)
        }
        let configuration = URLSessionConfiguration.ephemeral
        // Longer than the relay's own deadline for a request, so that its answer is the one that is seen.
        configuration.timeoutIntervalForRequest = 60
        self.session = URLSession(configuration: configuration)
    }

    /// Reads the resource at `path`.
    func get<Value: Decodable>(_ type: Value.Type, _ path: String, query: [String: String] = [:]) async throws(Failure) -> Value
    {
        try self.decode(type, try await self.send("GET", path, query: query))
    }

    /// Posts nothing where that says all, and reads the answer.
    func post<Value: Decodable>(_ type: Value.Type, _ path: String) async throws(Failure) -> Value {
        try self.decode(type, try await self.send("POST", path))
    }

    /// Posts `body` as JSON, and reads the answer.
    func post<Value: Decodable>(
        _ type: Value.Type,
        _ path: String,
        query: [String: String] = [:],
        headers: [String: String] = [:],
        body: some Encodable
    ) async throws(Failure) -> Value {
        let data = try Self.json(body)
        return try self.decode(type, try await self.send("POST", path, query: query, headers: headers, body: data))
    }

    /// Posts `body` as it is, and reads the answer.
    func post<Value: Decodable>(
        _ type: Value.Type,
        _ path: String,
        body: Data,
        mediaType: String
    ) async throws(Failure) -> Value {
        try self.decode(type, try await self.send("POST", path, body: body, mediaType: mediaType))
    }

    /// Puts `body` as JSON, and reads the answer.
    func put<Value: Decodable>(_ type: Value.Type, _ path: String, body: some Encodable) async throws(Failure) -> Value {
        try self.decode(type, try await self.send("PUT", path, body: try Self.json(body)))
    }

    private static func json(_ body: some Encodable) throws(Failure) -> Data {
        do {
            return try APIJSON.encode(body)
        } catch {
            throw Failure(.usage, "The request cannot be written as JSON: \(error).")
        }
    }

    /// Whether the relay answers at all.
    func isAnswering() async -> Bool {
        do {
            _ = try await self.send("GET", RoutePath.livez.path())
            return true
        } catch {
            return error.status != .unavailable
        }
    }

    /// Deletes what is at `path`; the answer's body may be empty.
    @discardableResult
    func delete(_ path: String) async throws(Failure) -> Data {
        try await self.send("DELETE", path)
    }

    /// Deletes what is at `path`, and reads the answer.
    func delete<Value: Decodable>(_ type: Value.Type, _ path: String) async throws(Failure) -> Value {
        try self.decode(type, try await self.send("DELETE", path))
    }

    /// Reads the list at `path` page by page.
    ///
    /// - Parameter limit: items at the most; `nil` for all.
    func list<Item: Codable & Sendable & Equatable>(
        _ type: Item.Type,
        _ path: String,
        query: [String: String] = [:],
        limit: Int?,
        page: ([Item]) throws(Failure) -> Void
    ) async throws(Failure) {
        var query = query
        var remaining = limit ?? .max
        while remaining > 0 {
            query["limit"] = String(min(remaining, Self.pageSize))
            let answer = try await self.get(Page<Item>.self, path, query: query)
            try page(answer.data)
            remaining -= answer.data.count
            guard let cursor = answer.meta.nextCursor else { return }
            query["cursor"] = cursor
        }
    }

    /// Follows the events.
    ///
    /// - Parameter lastID: of the last event that was seen.
    func events(
        query: [String: String],
        after lastID: String?
    ) throws(Failure) -> AsyncThrowingStream<ServerSentEvent, any Error> {
        var request = try self.request(RoutePath.events.path(), query: query)
        request.setValue(lastID, forHTTPHeaderField: "Last-Event-ID")
        request.setValue("text/event-stream", forHTTPHeaderField: "Accept")
        return EventFeed.open(request, by: self)
    }

    private func request(_ path: String, query: [String: String]) throws(Failure) -> URLRequest {
        let parameters = query.sorted { $0.key < $1.key }.map { "\($0.key)=\(RoutePath.percentEncoded($0.value))" }
        let text = self.location.url + path + (parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&"))
        guard let url = URL(string: text) else { throw Failure(.usage, "\"\(text)\" is not a URL. Correct --url.") }
        var request = URLRequest(url: url)
        request.setValue("Bearer \(self.location.token)", forHTTPHeaderField: "Authorization")
        return request
    }

    /// Why there is no answer.
    func unreachable(_ error: any Error) -> Failure {
        Failure(
            .unavailable,
            """
            The relay at \(self.location.url) cannot be reached (\(error.localizedDescription)). Is it running, and is the address \
            right?
            """
        )
    }

    private func send(
        _ method: String,
        _ path: String,
        query: [String: String] = [:],
        headers: [String: String] = [:],
        body: Data? = nil,
        mediaType: String = "application/json"
    ) async throws(Failure) -> Data {
        var request = try self.request(path, query: query)
        request.httpMethod = method
        request.httpBody = body
        request.setValue("application/json", forHTTPHeaderField: "Accept")
        if body != nil { request.setValue(mediaType, forHTTPHeaderField: "Content-Type") }
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }

        let data: Data
        let response: URLResponse
        do {
            (data, response) = try await self.session.data(for: request)
        } catch {
            throw self.unreachable(error)
        }
        guard let status = (response as? HTTPURLResponse)?.statusCode else {
            throw Failure(.notUnderstood, "\(self.location.url) does not answer in HTTP. Correct --url.")
        }
        guard (200..<300).contains(status) else { throw self.refusal(status: status, body: data) }
        return data
    }

    private func decode<Value: Decodable>(_ type: Value.Type, _ data: Data) throws(Failure) -> Value {
        do {
            return try APIJSON.decode(type, from: data)
        } catch {
            throw Failure(
                .notUnderstood,
                """
                What \(self.location.url) answers is not what this ttmsctl expects: \(error). Correct --url, or use the ttmsctl \
                of the relay's release.
                """
            )
        }
    }

    /// What every problem says, whatever its code: a newer relay may have codes that this ttmsctl does not know.
    private struct Problem: Decodable {
        var code: String
        var detail: String
        var errors: [ProblemDetails.Flaw]?
    }

    /// Why the relay did not do what it was asked to.
    func refusal(status: Int, body: Data) -> Failure {
        guard let problem = try? APIJSON.decode(Problem.self, from: body) else {
            return Failure(
                .notUnderstood,
                """
                \(self.location.url) answers with HTTP status \(status), but not as a relay does. Correct --url, or look at what \
                is in between.
                """
            )
        }
        if problem.code == ProblemCode.unauthorized.rawValue {
            return Failure(
                .noPermission,
                "The relay at \(self.location.url) does not take the token from \(self.location.tokenOrigin): \(problem.detail)"
            )
        }
        if problem.code == ProblemCode.insufficientScope.rawValue {
            return Failure(.noPermission, "The token from \(self.location.tokenOrigin) does not allow this: \(problem.detail)")
        }
        let flaws = (problem.errors ?? []).map { "\n  \($0.pointer): \($0.detail)" }.joined()
        return Failure(.refused, "The relay refused (\(problem.code)): \(problem.detail)\(flaws)")
    }
}
