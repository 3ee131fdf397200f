import AdminAPI

/// Who asks, as far as a token tells.
struct Caller: Equatable, Sendable {
    /// What is kept of the token's secret: the file `admin.token` may hold another one, under the same id, a moment later.
    var digest: TokenDigest
    /// The id of the token that came with the request.
    var tokenID: String
    /// What the token's maker called it.
    var tokenName: String
    /// What it allows.
    var scopes: Set<Scope>
}
