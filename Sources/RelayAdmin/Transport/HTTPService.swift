import AdminAPI

/// What the HTTP transport asks of the application behind it.
protocol HTTPService: Sendable {
    /// Decides on a request by its head alone. Called on the transport's thread: it must not block.
    func admit(_ head: RequestHead) -> Admission
    /// Who sends a request, as far as its place is concerned. Called on the transport's thread: it must not block.
    func standing(of head: RequestHead) -> Standing
}

/// What the client of a request has shown.
enum Standing: Equatable, Sendable {
    /// No token that is in force.
    case stranger
    /// One that is, for a request that can wait until there is a place.
    case known
    /// One that is, for a request that anybody may send who can reach the relay: a probe.
    case knownProbe
}

/// What becomes of a request.
enum Admission: Sendable {
    /// It is answered with this, whatever its body. `closing` when the end of the body is in doubt, so that nothing behind it on
    /// the connection may be taken for a request.
    case refused(HTTPResponse, closing: Bool = false)
    /// It is carried out, once its body is there.
    case accepted(@Sendable (_ body: [UInt8]) async -> HTTPResponse)
}
