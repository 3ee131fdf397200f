import AdminAPI

/// Who asks, as far as a token tells.
struct Caller: Equatable, Sendable {
    /// The id of the token that came with the request.
    var tokenID: String
    /// What the token's maker called it.
    var tokenName: String
    /// What it allows.
    var scopes: Set<Scope>
}
