/// What a token allows. Every route under `/api` names the one that it needs; a route that named none could not be asked.
public enum Scope: String, Codable, CaseIterable, Sendable {
    /// To see everything but secrets.
    case read
    /// To send messages, and to delete queued ones.
    case messagesWrite = "messages:write"
    /// To close connections, to block, and to trace.
    case terminalsWrite = "terminals:write"
    /// To change how the relay itself runs, and who may use it. It includes all others.
    case admin

    /// Whether a token with this scope may do what needs `scope`.
    ///
    /// The two that write do not include ``read``: who only feeds messages in need not see those of others.
    public func includes(_ scope: Scope) -> Bool {
        self == scope || self == .admin
    }
}

extension Collection<Scope> {
    /// Whether a token with these scopes may do what needs `scope`.
    public func include(_ scope: Scope) -> Bool {
        self.contains { $0.includes(scope) }
    }
}
