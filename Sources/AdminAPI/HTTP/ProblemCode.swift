/// The stable `code` of every problem in the relay's answers.
public enum ProblemCode: String, Codable, CaseIterable, Sendable {
    // The request itself is invalid.
    case malformedRequest = "malformed_request"
    case invalidParameter = "invalid_parameter"
    case invalidCCID = "invalid_ccid"
    case invalidID = "invalid_id"
    case invalidCursor = "invalid_cursor"
    case invalidJSON = "invalid_json"
    case invalidFrame = "invalid_frame"
    case invalidBody = "invalid_body"
    case invalidConfiguration = "invalid_configuration"
    case bodyTooLarge = "body_too_large"
    case payloadTooLong = "payload_too_long"
    case unsupportedMediaType = "unsupported_media_type"
    case unsupportedTransferEncoding = "unsupported_transfer_encoding"
    // The request is not allowed, or not for this host.
    case unauthorized
    case insufficientScope = "insufficient_scope"
    case misdirectedRequest = "misdirected_request"
    case tooManyFailures = "too_many_failures"
    // The path or the thing that it names does not exist.
    case notFound = "not_found"
    case methodNotAllowed = "method_not_allowed"
    case terminalNotFound = "terminal_not_found"
    case terminalOffline = "terminal_offline"
    case connectionNotFound = "connection_not_found"
    case messageNotFound = "message_not_found"
    case tokenNotFound = "token_not_found"
    case blockNotFound = "block_not_found"
    // The relay cannot carry it out now.
    case inFlight = "in_flight"
    case tokenInFile = "token_in_file"
    case limitReached = "limit_reached"
    case connectionClosed = "connection_closed"
    case tooManyStreams = "too_many_streams"
    case tooManyConnections = "too_many_connections"
    case messageEnded = "message_ended"
    case idempotencyKeyReused = "idempotency_key_reused"
    case queueFull = "queue_full"
    case storeUnavailable = "store_unavailable"
    case stopping
    case deadlineExceeded = "deadline_exceeded"
    case internalError = "internal_error"

    /// The HTTP status of the answer.
    public var status: Int {
        switch self {
        case .malformedRequest, .invalidParameter, .invalidCCID, .invalidID, .invalidCursor, .invalidJSON, .invalidFrame: 400
        case .unauthorized: 401
        case .insufficientScope: 403
        case .notFound, .terminalNotFound, .terminalOffline, .connectionNotFound, .messageNotFound, .tokenNotFound,
            .blockNotFound:
            404
        case .methodNotAllowed: 405
        case .inFlight, .messageEnded, .connectionClosed, .tokenInFile, .limitReached: 409
        case .bodyTooLarge, .payloadTooLong: 413
        case .unsupportedMediaType: 415
        case .misdirectedRequest: 421
        case .tooManyFailures: 429
        case .invalidBody, .invalidConfiguration, .idempotencyKeyReused: 422
        case .internalError: 500
        case .unsupportedTransferEncoding: 501
        case .storeUnavailable, .stopping, .tooManyStreams, .tooManyConnections: 503
        case .deadlineExceeded: 504
        case .queueFull: 507
        }
    }

    /// A short description, equal for all problems with this code.
    public var title: String {
        switch self {
        case .malformedRequest: "The request is not well-formed HTTP"
        case .invalidParameter: "A query parameter is wrong"
        case .invalidCCID: "The CCID is not 8 hex digits"
        case .invalidID: "The id is not a 64-bit decimal number"
        case .invalidCursor: "The cursor is not one of this list"
        case .invalidJSON: "The body is not JSON"
        case .invalidFrame: "The body does not hold sound data frames"
        case .invalidBody: "A field of the body is wrong"
        case .invalidConfiguration: "The configuration is wrong"
        case .bodyTooLarge: "The body is too large"
        case .payloadTooLong: "The payload does not fit into a frame"
        case .unsupportedMediaType: "The body's media type is not supported"
        case .unsupportedTransferEncoding: "The transfer encoding is not supported"
        case .unauthorized: "The bearer token is missing, wrong or no longer valid"
        case .insufficientScope: "The token does not allow this"
        case .misdirectedRequest: "The host is not this relay"
        case .tooManyFailures: "Too many requests came without a valid token"
        case .notFound: "The path does not exist"
        case .methodNotAllowed: "The path does not support this method"
        case .terminalNotFound: "The terminal is not known"
        case .terminalOffline: "The terminal has no connection"
        case .connectionNotFound: "The connection is not known"
        case .messageNotFound: "The message is not known"
        case .tokenNotFound: "The token is not known"
        case .blockNotFound: "The block is not known"
        case .tokenInFile: "The token is the one of the file admin.token"
        case .limitReached: "The limit is reached"
        case .inFlight: "The message has been written to its terminal"
        case .connectionClosed: "The connection has already ended"
        case .tooManyStreams: "Too many clients follow the events"
        case .tooManyConnections: "Too many requests are in progress"
        case .messageEnded: "The message is no longer queued"
        case .idempotencyKeyReused: "The idempotency key was used for another request"
        case .queueFull: "The queue is full"
        case .storeUnavailable: "The store is not available"
        case .stopping: "The relay is stopping"
        case .deadlineExceeded: "The relay did not answer in time"
        case .internalError: "The relay failed"
        }
    }
}
