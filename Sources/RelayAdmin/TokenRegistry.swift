import AdminAPI

/// The tokens that open the admin API, and what each allows.
struct TokenRegistry: Sendable {
    private let tokens: [(secret: BearerToken, caller: Caller)]

    init(_ tokens: [(secret: BearerToken, caller: Caller)]) {
        self.tokens = tokens
    }

    /// Who sends `Authorization: Bearer …`; `nil` when that holds none of the tokens.
    func caller(authorization: String) -> Caller? {
        // All are compared, so that the time tells nothing.
        var found: Caller?
        for token in self.tokens where token.secret.matches(authorization: authorization) { found = token.caller }
        return found
    }
}
