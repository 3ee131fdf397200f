import AdminAPI
import RelayCore

/// The endpoints for tokens: list, create, revoke.
struct TokenEndpoints: Sendable {
    let tokens: TokenRegistry

    @Sendable
    func list(_ request: HTTPRequest) async throws -> HTTPResponse {
        try .page(of: self.tokens.tokens(), list: "tokens", request.query, key: \.id) { [clock = self.tokens.clock] in
            TokenResource($0, clock: clock)
        }
    }

    @Sendable
    func create(_ request: HTTPRequest) async throws -> HTTPResponse {
        var body = try JSONBody(request, fields: CreateTokenRequest.fieldNames)
        let expected = "It has to be 1 to 64 letters, digits, '.', '_', '@' and '-'."
        let name = body.required("name", expected) { field in
            field.text.flatMap { $0.wholeMatch(of: /[0-9A-Za-z._@-]{1,64}/) == nil ? nil : $0 }
        }
        let words = Scope.allCases.map(\.rawValue).joined(separator: ", ")
        let scopes = body.required("scopes", "It has to be a list of one or more of \(words), each once.", read: Self.scopes)
        let seconds = body.number("for_seconds", in: 1 ... .max)
        guard body.isSound, let name, let scopes else { throw body.problem }
        let now = self.tokens.clock.now()
        let expiry = seconds.map { now.advanced(bySeconds: Int64($0)) }
        let (token, secret) = try await self.tokens.create(name: name, scopes: scopes, expiresAt: expiry, now: now)
        var response = try HTTPResponse.json(TokenResource(token, secret: secret, clock: self.tokens.clock), status: 201)
        response.headers.append(HTTPResponse.Header("Location", RoutePath.token.path(token.id)))
        response.record = self.record(token)
        return response
    }

    @Sendable
    func revoke(_ request: HTTPRequest) async throws -> HTTPResponse {
        var response = HTTPResponse.noContent
        response.record = self.record(try await self.tokens.revoke(request.parameters["id"] ?? ""))
        return response
    }

    /// The audit details of a token that was created or revoked.
    private func record(_ token: TokenRecord) -> [String: String] {
        var record = [
            "token_id": token.id, "token_name": token.name,
            "scopes": Scope.allCases.filter(token.scopes.contains).map(\.rawValue).joined(separator: ", "),
        ]
        record["expires_at"] = token.expiresAt.map { self.tokens.clock.wallTime($0).text }
        return record
    }

    private static func scopes(_ field: JSONField) -> [Scope]? {
        guard case .list(let items) = field else { return nil }
        let scopes = items.compactMap { $0.text.flatMap(Scope.init(rawValue:)) }
        guard !scopes.isEmpty, scopes.count == items.count, Set(scopes).count == scopes.count else { return nil }
        return scopes
    }
}
