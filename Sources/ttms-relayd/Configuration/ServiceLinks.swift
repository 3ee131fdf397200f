/// The variables that container platforms set in each container for other services: Kubernetes for each service of the
/// namespace, Docker for each linked container.
///
/// For a service named `ttms` or `ttms-relay`, they have the prefix of the relay's own variables. Their names and values
/// distinguish them, so that a misspelt setting is still an error.
enum ServiceLinks {
    /// The names of such variables in `environment` that begin with `TTMS`.
    static func names(in environment: [String: String]) -> Set<String> {
        let links = environment.filter { name, value in self.isLink(name, value) }
        // Docker also copies the variables of the linked container.
        let aliases = links.keys.filter { $0.hasSuffix("_NAME") }.map { "\($0.dropLast("_NAME".count))_ENV_" }
        let copies = environment.keys.filter { name in aliases.contains { name.hasPrefix($0) } }
        return Set(links.keys).union(copies)
    }

    private static func isLink(_ name: String, _ value: String) -> Bool {
        guard
            let match = name.wholeMatch(
                of:
                    /TTMS(?:_[A-Z0-9_]+?)??_(?<part>SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?|NAME)/
            )
        else { return false }
        let part = match.output.part
        if part == "SERVICE_HOST" || part.hasSuffix("_ADDR") { return true }
        if part.hasPrefix("SERVICE_PORT") || part.hasSuffix("_PORT") { return UInt16(value) != nil }
        if part.hasSuffix("_PROTO") { return ["tcp", "udp", "sctp"].contains(value) }
        if part == "NAME" { return value.hasPrefix("/") }
        return value.wholeMatch(of: /(?:tcp|udp|sctp):\/\/.+:[0-9]+/) != nil
    }
}
