import AdminAPI

/// Who may use a route.
enum Access: Equatable, Sendable {
    /// Everybody who can connect.
    case open
    /// Everybody on this machine; from elsewhere, who may read.
    case openOnLoopback
    /// Who has a token with this scope.
    case scope(Scope)

    /// The scope that it names.
    var scope: Scope? {
        if case .scope(let scope) = self { scope } else { nil }
    }
}

/// The methods that routes have. HEAD goes where GET goes, and OPTIONS is answered by the router.
enum Method: String, CaseIterable, Sendable {
    case get = "GET"
    case post = "POST"
    case put = "PUT"
    case delete = "DELETE"
}

/// One thing that can be asked: what it is called, who may ask, and what answers.
struct Route: Sendable {
    let method: Method
    let path: RoutePath
    let access: Access
    /// The query parameters that it has a meaning for; any other is refused.
    let query: [String]
    /// Whether it has a meaning for a body; one that comes without is refused.
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

/// Finds the route of a request. The table is the single source for what exists, what is allowed, and for whom.
struct Router: Sendable {
    /// What a request's method and path lead to.
    struct Match: Sendable {
        enum Outcome: Sendable {
            /// A route, with the values of the parameters in its path.
            case route(Route, parameters: [String: String])
            /// The path exists, and the client asks for its methods.
            case options(allow: String)
            /// There is no such thing; with the path's methods, if it is the method.
            case problem(ProblemDetails, allow: String?)
        }

        /// Who may hear of it; `nil` for everybody who has any token: what the API does not have, and what it has methods for,
        /// needs no scope of its own, but is not a stranger's business.
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
    /// The path of each route, split once: every request is compared with all of them.
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
        // A path that is there word for word is meant before one that takes the word for a parameter.
        let exact = matching.filter { $0.parameters.isEmpty }
        let candidates = exact.isEmpty ? matching : exact
        guard !candidates.isEmpty else {
            let problem = ProblemDetails(
                .notFound,
                detail: "There is nothing at this path. The API begins with /api/v1; a slash within a name is written %2F."
            )
            return Match(access: fallback, outcome: .problem(problem, allow: nil))
        }
        let wanted = method == "HEAD" ? Method.get.rawValue : method
        if let candidate = candidates.first(where: { $0.route.method.rawValue == wanted }) {
            let outcome = Match.Outcome.route(candidate.route, parameters: candidate.parameters)
            return Match(access: candidate.route.access, outcome: outcome)
        }
        // A path's methods may need different scopes: to hear which there are, any token will do.
        let accesses = candidates.map { $0.route.access }
        let access = accesses.first { $0 == .open || $0 == .openOnLoopback }
        let allow = self.allow(candidates.map { $0.route })
        if method == "OPTIONS" { return Match(access: access, outcome: .options(allow: allow)) }
        let problem = ProblemDetails(.methodNotAllowed, detail: "This path supports \(allow).")
        return Match(access: access, outcome: .problem(problem, allow: allow))
    }

    /// Split before it is decoded: an escaped slash is part of a segment.
    private static func segments(of path: String) -> [String]? {
        let raw = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        let segments = raw.compactMap(PercentDecoding.decode)
        return segments.count == raw.count ? segments : nil
    }

    /// The values of the parameters in a path; `nil` when its segments are not those of `template`.
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
