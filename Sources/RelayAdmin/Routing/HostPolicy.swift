import AdminAPI

/// The host names with which a request may address this server.
///
/// A web page can resolve its own name to 127.0.0.1, and so reach a server that listens only there (DNS rebinding). Its requests
/// have that name as their Host. On loopback, therefore, only loopback's own names are served.
struct HostPolicy: Sendable {
    /// Whether only this machine can connect.
    let isLoopback: Bool

    init(listeningOn host: String) {
        self.isLoopback = Self.isLoopback(host)
    }

    /// Whether a request with this Host header is served. Its port is not checked, because a tunnel may have another one.
    func allows(_ host: String) -> Bool {
        guard self.isLoopback else { return true }
        let (name, rest): (Substring, Substring)
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { return false }
            (name, rest) = (host[host.index(after: host.startIndex)..<end], host[host.index(after: end)...])
        } else {
            name = host.prefix { $0 != ":" }
            rest = host[name.endIndex...]
        }
        return Self.isLoopback(name.lowercased()) && Self.isPort(rest)
    }

    /// Whether the text is empty, or a colon with or without a port.
    private static func isPort(_ text: Substring) -> Bool {
        guard let first = text.first else { return true }
        let digits = text.dropFirst()
        guard first == ":", digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return false
        }
        return digits.isEmpty || UInt16(digits) != nil
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
