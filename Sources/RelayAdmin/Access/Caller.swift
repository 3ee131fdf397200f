import AdminAPI

/// The caller of a request, identified by its token.
struct Caller: Equatable, Sendable {
    /// The digest of its secret: the file `admin.token` may contain another secret with the same id a moment later.
    var digest: TokenDigest
    /// The id of the request's token.
    var tokenID: String
    /// The name that the token's creator chose.
    var tokenName: String
    /// The scopes of the token.
    var scopes: Set<Scope>
}
