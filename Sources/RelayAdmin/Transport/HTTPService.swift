import AdminAPI

/// The application behind the HTTP transport.
protocol HTTPService: Sendable {
    /// Decides on a request by its head alone. Called on the transport's thread, and must not block.
    func admit(_ head: RequestHead) -> Admission
    /// Determines the caller's kind, for its place. Called on the transport's thread, and must not block.
    func standing(of head: RequestHead) -> Standing
}

/// The kind of a request's client.
enum Standing: Equatable, Sendable {
    /// Without a valid token.
    case stranger
    /// With a valid token, for a request that can wait for a place.
    case known
    /// With a valid token, for a request that is open to any client: a probe.
    case knownProbe
}

/// The decision on a request.
enum Admission: Sendable {
    /// It is answered with this, whatever its body. `closing` when the end of the body is uncertain, so that no further bytes on the
    /// connection may be taken for a request.
    case refused(HTTPResponse, closing: Bool = false)
    /// It is carried out when its body is received.
    case accepted(@Sendable (_ body: [UInt8]) async -> HTTPResponse)
}
