import AdminAPI

/// An answer, with all that the transport needs to send it.
struct HTTPResponse: Sendable {
    /// The status code.
    var status: Int
    /// Headers besides those of every answer.
    var headers: [Header] = []
    /// The body; may be empty.
    var body: [UInt8] = []
    /// Details of the change for the audit log, by name. They contain no secrets, and at most some kilobytes.
    var record: [String: String] = [:]
    /// The continuous part of the body, if there is one.
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

    /// The headers of every answer: its content is only for the present request, and is never a web page.
    static let commonHeaders = [
        Header("Cache-Control", "no-store"),
        Header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        Header("Referrer-Policy", "no-referrer"),
        Header("X-Content-Type-Options", "nosniff"),
    ]

    /// The answer of a success without content.
    static let noContent = HTTPResponse(status: 204)

    /// Encodes a model as JSON.
    static func json(_ model: some Encodable, status: Int = 200) throws -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: [Header("Content-Type", "application/json")],
            body: Array(try APIJSON.encode(model))
        )
    }

    /// Makes the answer to a change that is in force in memory while the disk fails: it becomes durable when the disk recovers. The
    /// audit log records that.
    static func pending(_ model: some Encodable) throws -> HTTPResponse {
        var response = try Self.json(model, status: 202)
        response.record["pending"] = "true"
        return response
    }

    /// Encodes a frequently read model as JSON.
    static func json(writing model: some JSONWritable, status: Int = 200) -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: [Header("Content-Type", "application/json")],
            body: APIJSON.bytes(of: model)
        )
    }

    /// Makes an answer of text.
    static func text(_ text: String, mediaType: String) -> HTTPResponse {
        HTTPResponse(status: 200, headers: [Header("Content-Type", mediaType)], body: Array(text.utf8))
    }

    /// Makes the answer of a problem, with the headers that its status requires.
    static func problem(_ problem: ProblemDetails, requestID: String, headers: [Header] = []) -> HTTPResponse {
        var problem = problem
        problem.instance = "urn:ttms-relay:request:\(requestID)"
        var headers = [Header("Content-Type", ProblemDetails.mediaType)] + headers
        switch problem.code {
        case .storeUnavailable, .stopping, .tooManyStreams, .tooManyConnections: headers.append(Header("Retry-After", "5"))
        default: break
        }
        // A problem consists of strings and numbers, which always encode.
        let body = (try? APIJSON.encode(problem)).map { Array($0) } ?? []
        return HTTPResponse(status: problem.status, headers: headers, body: body)
    }
}
