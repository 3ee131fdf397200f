import AdminAPI
import AsyncHTTPClient
import Foundation
import NIOHTTP1

/// The admin API of one relay.
struct AdminClient: Sendable {
    /// Items of a page of a list: the API's maximum.
    private static let pageSize = 1_000
    /// Bytes of an error answer at most.
    private static let largestRefusal = 1 << 20

    let location: RelayLocation

    /// Makes a client; nothing is sent yet.
    init(location: RelayLocation) {
        self.location = location
    }

    /// Reads the resource at `path`.
    func get<Value: Decodable>(_ type: Value.Type, _ path: String, query: [String: String] = [:]) async throws(Failure) -> Value
    {
        try self.decode(type, try await self.send(.GET, path, query: query).body)
    }

    /// Posts without a body, and reads the answer.
    func post<Value: Decodable>(_ type: Value.Type, _ path: String) async throws(Failure) -> Value {
        try self.decode(type, try await self.send(.POST, path).body)
    }

    /// Posts `body` as JSON, and reads the answer.
    func post<Value: Decodable>(
        _ type: Value.Type,
        _ path: String,
        query: [String: String] = [:],
        body: some Encodable
    ) async throws(Failure) -> Value {
        let data = try Self.json(body)
        return try self.decode(type, try await self.send(.POST, path, query: query, body: data).body)
    }

    /// Sends a message.
    ///
    /// - Returns: the receipt, and whether it belongs to an earlier request with the same idempotency key.
    func send(
        _ message: SendMessageRequest,
        to path: String,
        query: [String: String],
        idempotencyKey: String?
    ) async throws(Failure) -> (receipt: MessageReceipt, isRepeated: Bool) {
        let data = try Self.json(message)
        let headers = idempotencyKey.map { ["Idempotency-Key": "\"\($0)\""] } ?? [:]
        let answer = try await self.send(.POST, path, query: query, headers: headers, body: data)
        return (try self.decode(MessageReceipt.self, answer.body), answer.headers.contains(name: "Idempotency-Replayed"))
    }

    /// Posts `body` unchanged, and reads the answer.
    func post<Value: Decodable>(
        _ type: Value.Type,
        _ path: String,
        body: Data,
        mediaType: String
    ) async throws(Failure) -> Value {
        try self.decode(type, try await self.send(.POST, path, body: body, mediaType: mediaType).body)
    }

    /// Puts `body` as JSON, and reads the answer.
    func put<Value: Decodable>(_ type: Value.Type, _ path: String, body: some Encodable) async throws(Failure) -> Value {
        try self.decode(type, try await self.send(.PUT, path, body: try Self.json(body)).body)
    }

    private static func json(_ body: some Encodable) throws(Failure) -> Data {
        do {
            return try APIJSON.encode(body)
        } catch {
            throw Failure(.usage, "The request cannot be written as JSON.")
        }
    }

    /// Whether the relay's address accepts connections. A connection that breaks counts: it may have been made before the relay
    /// stopped.
    func isListening() async -> Bool {
        do throws(TransportError) {
            _ = try await AdminTransport.send(self.request(.GET, RoutePath.livez.path(), query: [:]))
        } catch {
            if case .notConnected = error { return false }
        }
        return true
    }

    /// Deletes what is at `path`; the answer's body may be empty.
    @discardableResult
    func delete(_ path: String) async throws(Failure) -> Data {
        try await self.send(.DELETE, path).body
    }

    /// Deletes what is at `path`, and reads the answer.
    func delete<Value: Decodable>(_ type: Value.Type, _ path: String) async throws(Failure) -> Value {
        try self.decode(type, try await self.send(.DELETE, path).body)
    }

    /// Reads the list at `path` page by page.
    ///
    /// - Parameter limit: the largest number of items; `nil` for all.
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
    /// - Parameter lastID: the id of the last event that was received.
    /// - Throws: a ``Failure``, now or from the feed.
    func events(query: [String: String], after lastID: String?) async throws(Failure) -> EventFeed {
        var request = self.request(.GET, RoutePath.events.path(), query: query)
        if let lastID { request.headers.replaceOrAdd(name: "Last-Event-ID", value: lastID) }
        request.headers.replaceOrAdd(name: "Accept", value: "text/event-stream")
        let response: HTTPClientResponse
        var refusal: Data?
        do {
            response = try await AdminTransport.open(request)
            if response.status != .ok {
                refusal = try await AdminTransport.collect(response, limit: Self.largestRefusal)
            }
        } catch {
            throw self.failure(error, isChange: false)
        }
        if let refusal {
            let status = Int(response.status.code)
            throw self.refusal(AdminTransport.Answer(status: status, headers: response.headers, body: refusal))
        }
        guard response.headers.first(name: "Content-Type")?.hasPrefix("text/event-stream") == true else {
            throw self.unexpected("it is not a stream of events")
        }
        return EventFeed(response.body, failure: self.broken)
    }

    private func request(_ method: HTTPMethod, _ path: String, query: [String: String]) -> HTTPClientRequest {
        let parameters = query.sorted { $0.key < $1.key }.map { "\($0.key)=\(RoutePath.percentEncoded($0.value))" }
        let text = self.location.url + path + (parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&"))
        var request = HTTPClientRequest(url: text)
        request.method = method
        request.headers.add(name: "Authorization", value: "Bearer \(self.location.token.secret)")
        request.headers.add(name: "Accept", value: "application/json")
        request.headers.add(name: "User-Agent", value: "ttmsctl")
        return request
    }

    private func send(
        _ method: HTTPMethod,
        _ path: String,
        query: [String: String] = [:],
        headers: [String: String] = [:],
        body: Data? = nil,
        mediaType: String = "application/json"
    ) async throws(Failure) -> AdminTransport.Answer {
        var request = self.request(method, path, query: query)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body {
            request.headers.add(name: "Content-Type", value: mediaType)
            request.body = .bytes(body)
        }
        let answer: AdminTransport.Answer
        do {
            answer = try await AdminTransport.send(request)
        } catch {
            throw self.failure(error, isChange: method != .GET)
        }
        guard (200..<300).contains(answer.status) else { throw self.refusal(answer) }
        // A successful answer without JSON is not a relay's, such as the login page of a network.
        guard answer.status == 204 || answer.headers.first(name: "Content-Type")?.hasPrefix("application/json") == true else {
            throw self.unexpected("it is not JSON")
        }
        return answer
    }

    /// Reads an answer.
    func decode<Value: Decodable>(_ type: Value.Type, _ data: Data) throws(Failure) -> Value {
        do {
            return try APIJSON.decode(type, from: data)
        } catch {
            throw self.unexpected(JSONFlaw.text(of: error))
        }
    }
}
