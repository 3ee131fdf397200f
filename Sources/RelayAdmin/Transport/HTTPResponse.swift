import AdminAPI

/// An answer, as a value: what the transport needs to send it.
struct HTTPResponse: Sendable {
    /// The status code.
    var status: Int
    /// Headers beyond those of every answer.
    var headers: [Header] = []
    /// The body; may be empty.
    var body: [UInt8] = []
    /// What was done, for the audit log: names, and what they were. Never a secret; at most some kilobytes.
    var record: [String: String] = [:]
    /// What the body goes on with, for as long as it has something to say.
    var stream: (any HTTPStream)?

    /// One header.
    struct Header: Equatable, Sendable {
        var name: String
        var value: String

        init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// What every answer carries: its content is for the client that asked, right now, and is never a page.
    static let commonHeaders = [
        Header("Cache-Control", "no-store"),
        Header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        Header("Referrer-Policy", "no-referrer"),
        Header("X-Content-Type-Options", "nosniff"),
    ]

    /// Done, and nothing to say.
    static let noContent = HTTPResponse(status: 204)

    /// A model as JSON.
    static func json(_ model: some Encodable, status: Int = 200) throws -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: [Header("Content-Type", "application/json")],
            body: Array(try APIJSON.encode(model))
        )
    }

    /// The answer to a change that stands in memory, while the disk does not take it: it is done, and durable when the disk recovers.
    /// The audit log says so.
    static func pending(_ model: some Encodable) throws -> HTTPResponse {
        var response = try Self.json(model, status: 202)
        response.record["pending"] = "true"
        return response
    }

    /// A model that is read often as JSON.
    static func json(writing model: some JSONWritable, status: Int = 200) -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: [Header("Content-Type", "application/json")],
            body: APIJSON.bytes(of: model)
        )
    }

    /// Text of the given media type.
    static func text(_ text: String, mediaType: String) -> HTTPResponse {
        HTTPResponse(status: 200, headers: [Header("Content-Type", mediaType)], body: Array(text.utf8))
    }

    /// A problem, with the headers that its status demands.
    static func problem(_ problem: ProblemDetails, requestID: String, headers: [Header] = []) -> HTTPResponse {
        var problem = problem
        problem.instance = "urn:ttms-relay:request:\(requestID)"
        var headers = [Header("Content-Type", ProblemDetails.mediaType)] + headers
        switch problem.code {
        case .storeUnavailable, .stopping, .tooManyStreams, .tooManyConnections: headers.append(Header("Retry-After", "5"))
        default: break
        }
        // A problem holds only strings and numbers: it always encodes.
        let body = (try? APIJSON.encode(problem)).map { Array($0) } ?? []
        return HTTPResponse(status: problem.status, headers: headers, body: body)
    }
}
