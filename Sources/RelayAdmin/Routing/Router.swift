import AdminAPI

/// The callers that may use a route.
enum Access: Equatable, Sendable {
    /// Any client that can connect.
    case open
    /// Any client on this machine; from other machines, callers with the scope `read`.
    case openOnLoopback
    /// Callers whose token has this scope.
    case scope(Scope)

    /// The required scope, if there is one.
    var scope: Scope? {
        if case .scope(let scope) = self { scope } else { nil }
    }
}

/// The methods of routes. HEAD is handled as GET, and OPTIONS is answered by the router.
enum Method: String, CaseIterable, Sendable {
    case get = "GET"
    case post = "POST"
    case put = "PUT"
    case delete = "DELETE"
}

/// One operation of the API: its path and method, its callers, and its handler.
struct Route: Sendable {
    let method: Method
    let path: RoutePath
    let access: Access
    /// The query parameters that it uses; any other is refused.
    let query: [String]
    /// Whether it uses a body; otherwise a request with one is refused.
    let takesBody: Bool
    let handler: @Sendable (HTTPRequest) async throws -> HTTPResponse

    init(
        _ method: Method,
        _ path: RoutePath,
        _ access: Access,
        query: [String] = [],
        takesBody: Bool = false,
        handler: @escaping @Sendable (HTTPRequest) async throws -> HTTPResponse
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.query = query
        self.takesBody = takesBody
        self.handler = handler
    }
}

/// Finds the route of a request. The table is the only source for the existing routes and their access.
struct Router: Sendable {
    /// The result for a request's method and path.
    struct Match: Sendable {
        enum Outcome: Sendable {
            /// A route, with the values of the parameters in its path.
            case route(Route, parameters: [String: String])
            /// The path exists, and the client requests its methods.
            case options(allow: String)
            /// The path or the method does not exist; for the latter, with the path's methods.
            case problem(ProblemDetails, allow: String?)
        }

        /// The callers that may receive the outcome; `nil` for all with any token. Unknown paths and the methods of a path need no
        /// scope, but are not shown to strangers.
        var access: Access?
        var outcome: Outcome

        /// The route, if there is one.
        var route: Route? {
            if case .route(let route, _) = self.outcome { route } else { nil }
        }
    }

    /// One segment of a route's path.
    private enum Part {
        case word(String)
        case parameter(String)
    }

    let routes: [Route]
    /// The path of each route, split once, because every request is compared with all of them.
    private let templates: [[Part]]

    init(routes: [Route]) {
        self.routes = routes
        self.templates = routes.map { route in
            route.path.rawValue.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map { segment in
                segment.hasPrefix("{") ? .parameter(String(segment.dropFirst().dropLast())) : .word(String(segment))
            }
        }
    }

    func match(method: String, path: String) -> Match {
        if path == "*", method == "OPTIONS" {
            return Match(access: .open, outcome: .options(allow: self.allow(self.routes)))
        }
        let fallback: Access? = path == "/api" || path.hasPrefix("/api/") ? nil : .open
        guard path.hasPrefix("/"), let segments = Self.segments(of: path) else {
            let problem = ProblemDetails(
                .malformedRequest,
                detail: "The path is not a percent-encoded one that begins with `/`."
            )
            return Match(access: fallback, outcome: .problem(problem, allow: nil))
        }
        let matching = zip(self.routes, self.templates).compactMap { route, template in
            Self.parameters(of: template, in: segments).map { (route: route, parameters: $0) }
        }
        // A literal path takes precedence over one with a parameter in its place.
        let exact = matching.filter { $0.parameters.isEmpty }
        let candidates = exact.isEmpty ? matching : exact
        guard !candidates.isEmpty else {
            let problem = ProblemDetails(
                .notFound,
                detail: "This path does not exist. The API begins with /api/v1; a slash within a name is written %2F."
            )
            return Match(access: fallback, outcome: .problem(problem, allow: nil))
        }
        let wanted = method == "HEAD" ? Method.get.rawValue : method
        if let candidate = candidates.first(where: { $0.route.method.rawValue == wanted }) {
            let outcome = Match.Outcome.route(candidate.route, parameters: candidate.parameters)
            return Match(access: candidate.route.access, outcome: outcome)
        }
        // A path's methods may require different scopes; any token suffices for their names.
        let accesses = candidates.map { $0.route.access }
        let access = accesses.first { $0 == .open || $0 == .openOnLoopback }
        let allow = self.allow(candidates.map { $0.route })
        if method == "OPTIONS" { return Match(access: access, outcome: .options(allow: allow)) }
        let problem = ProblemDetails(.methodNotAllowed, detail: "This path supports \(allow).")
        return Match(access: access, outcome: .problem(problem, allow: allow))
    }

    /// Splits the path before it is decoded, because an escaped slash is part of a segment.
    private static func segments(of path: String) -> [String]? {
        let raw = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        let segments = raw.compactMap(PercentDecoding.decode)
        return segments.count == raw.count ? segments : nil
    }

    /// The values of the parameters in a path; `nil` when its segments do not match `template`.
    private static func parameters(of template: [Part], in segments: [String]) -> [String: String]? {
        guard template.count == segments.count else { return nil }
        let isMatch = zip(template, segments).allSatisfy { part, segment in
            switch part {
            case .word(let word): word == segment
            case .parameter: !segment.isEmpty
            }
        }
        guard isMatch else { return nil }
        return zip(template, segments).reduce(into: [:]) { parameters, pair in
            if case .parameter(let name) = pair.0 { parameters[name] = pair.1 }
        }
    }

    private func allow(_ routes: [Route]) -> String {
        let methods = Method.allCases.filter { method in routes.contains { $0.method == method } }.map(\.rawValue)
        return (methods + (methods.contains("GET") ? ["HEAD"] : []) + ["OPTIONS"]).joined(separator: ", ")
    }
}
