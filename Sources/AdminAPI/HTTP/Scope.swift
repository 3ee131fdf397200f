/// The requests that a token allows. Every route under `/api` names the scope that it requires.
public enum Scope: String, Codable, CaseIterable, Sendable {
    /// Allows reading of everything but secrets.
    case read
    /// Allows sending messages and deleting queued ones.
    case messagesWrite = "messages:write"
    /// Allows closing connections, blocking and tracing.
    case terminalsWrite = "terminals:write"
    /// Allows changes of the relay itself and of its tokens. It includes all other scopes.
    case admin

    /// Whether a token with this scope may do what requires `scope`.
    ///
    /// The two that write do not include ``read``: a program that only sends messages need not see those of others.
    public func includes(_ scope: Scope) -> Bool {
        self == scope || self == .admin
    }
}

extension Collection<Scope> {
    /// Whether a token with these scopes may do what requires `scope`.
    public func include(_ scope: Scope) -> Bool {
        self.contains { $0.includes(scope) }
    }
}
