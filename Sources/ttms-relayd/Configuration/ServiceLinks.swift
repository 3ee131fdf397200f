/// The variables that container platforms set in each container for the services beside it: Kubernetes for every service of the
/// namespace, Docker for what a container is linked to.
///
/// For a service called `ttms` or `ttms-relay` they begin as our own do. They are told apart by their names and by their values, so that
/// a setting that somebody has misnamed is still an error.
enum ServiceLinks {
    /// Those of `environment` whose names begin with `TTMS`.
    static func names(in environment: [String: String]) -> Set<String> {
        let links = environment.filter { name, value in self.isLink(name, value) }
        // Docker copies the variables of the container that is linked to, too.
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
