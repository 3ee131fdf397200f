import AdminAPI
import Logging
import RelayCore
import Synchronization

/// The checks of every request before its endpoint, and the conversion of an endpoint's errors into answers.
struct AdminService: HTTPService {
    let router: Router
    let access: AccessControl
    let hosts: HostPolicy
    let logger: Logger
    /// The limit on log messages about failures of the store: on a full disk each request can cause one, which is in its answer.
    private let storeFailures = StoreFailureLog()

    func admit(_ head: RequestHead) -> Admission {
        if let problem = RequestFraming.problem(of: head) {
            return .refused(self.refusal(problem, head), closing: true)
        }
        guard (head.authority.map { [$0] } ?? head.values("host")).allSatisfy(self.hosts.allows) else {
            let detail = "This server's names are 127.0.0.1, [::1] and localhost; the request has another one."
            return .refused(self.denied(ProblemDetails(.misdirectedRequest, detail: detail), head, nil, nil))
        }
        let match = self.router.match(method: head.method, path: head.path)
        let caller = self.caller(of: head)
        if let denial = self.denial(match, caller, head) { return .refused(denial) }
        switch match.outcome {
        case .route(let route, let parameters):
            return .accepted { body in await self.carryOut(route, parameters, head, caller, body) }
        case .options(let allow):
            return .refused(HTTPResponse(status: 204, headers: [HTTPResponse.Header("Allow", allow)]))
        case .problem(let problem, let allow):
            let headers = allow.map { [HTTPResponse.Header("Allow", $0)] } ?? []
            return .refused(self.refusal(problem, head, headers: headers))
        }
    }

    func standing(of head: RequestHead) -> Standing {
        guard self.caller(of: head) != nil else { return .stranger }
        return self.router.match(method: head.method, path: head.path).route?.access.scope == nil ? .knownProbe : .known
    }

    /// The caller of the request; `nil` without a valid token.
    private func caller(of head: RequestHead) -> Caller? {
        let authorizations = head.values("authorization")
        guard authorizations.count == 1, let authorization = authorizations.first else { return nil }
        return self.access.tokens.caller(authorization: authorization)
    }

    /// The denial for a caller that may not use `match`; `nil` when it may.
    private func denial(_ match: Router.Match, _ caller: Caller?, _ head: RequestHead) -> HTTPResponse? {
        let scope: Scope?
        switch match.access {
        case .open: return nil
        case .openOnLoopback where self.hosts.isLoopback: return nil
        case .openOnLoopback: scope = .read
        case .scope(let needed): scope = needed
        case nil: scope = nil
        }
        guard let caller else { return self.unknownCaller(head, match.route) }
        guard let scope, !caller.scopes.include(scope) else { return nil }
        let scopes = caller.scopes.map(\.rawValue).sorted().joined(separator: ", ")
        let problem = ProblemDetails(
            .insufficientScope,
            detail: """
                This requires the scope \(scope.rawValue); the token has \(scopes.isEmpty ? "none" : scopes). Use another token: one \
                with the scope admin can create it, as by `ttmsctl token create NAME --scope \(scope.rawValue)`.
                """
        )
        let challenge = "Bearer realm=\"ttms-relay\", error=\"insufficient_scope\", scope=\"\(scope.rawValue)\""
        return self.denied(
            problem,
            head,
            caller,
            match.route,
            headers: [HTTPResponse.Header("WWW-Authenticate", challenge)]
        )
    }

    /// The denial for a caller without a valid token, with the reason and the remedy.
    private func unknownCaller(_ head: RequestHead, _ route: Route?) -> HTTPResponse {
        if let seconds = self.access.failures.note(head.remoteAddress) {
            let detail = """
                Too many requests without a valid token have come from \(head.remoteAddress). Wait \(seconds) seconds, or send a valid \
                token: requests with one are served.
                """
            let headers = [HTTPResponse.Header("Retry-After", String(seconds))]
            return self.denied(ProblemDetails(.tooManyFailures, detail: detail), head, nil, route, headers: headers)
        }
        let source = "The file admin.token of the relay's data directory contains one; `ttmsctl token create` creates others."
        let authorizations = head.values("authorization")
        let hasToken = authorizations.contains { TokenSecret(authorization: $0) != nil }
        let former = authorizations.count == 1 ? self.access.tokens.holder(authorization: authorizations[0])?.caller : nil
        let detail =
            if let former {
                "The token \(former.tokenName) is no longer valid: it has expired. \(source)"
            } else if hasToken, authorizations.count == 1 {
                "The token is not valid: it is none of this relay, or has been revoked. \(source)"
            } else if authorizations.count > 1 {
                "There is more than one Authorization header, so that the caller is not certain. Send one. \(source)"
            } else {
                "Send `Authorization: Bearer TOKEN`. \(source)"
            }
        let challenge = "Bearer realm=\"ttms-relay\"" + (hasToken ? ", error=\"invalid_token\"" : "")
        return self.denied(
            ProblemDetails(.unauthorized, detail: detail),
            head,
            former,
            route,
            headers: [HTTPResponse.Header("WWW-Authenticate", challenge)]
        )
    }

    /// Refuses a request because of its caller, and records the denial.
    private func denied(
        _ problem: ProblemDetails,
        _ head: RequestHead,
        _ caller: Caller?,
        _ route: Route?,
        headers: [HTTPResponse.Header] = []
    ) -> HTTPResponse {
        let entry = AuditResource(
            head,
            caller,
            route: route,
            outcome: .denied,
            status: problem.status,
            code: problem.code,
            at: Timestamp.now.text
        )
        self.access.audit.recordDenial(entry)
        return self.refusal(problem, head, headers: headers)
    }

    /// Carries out a request, and records it unless it is a read.
    private func carryOut(
        _ route: Route,
        _ parameters: [String: String],
        _ head: RequestHead,
        _ caller: Caller?,
        _ body: [UInt8]
    ) async -> HTTPResponse {
        var response: HTTPResponse
        var problem: ProblemDetails?
        do {
            let query = try QueryParameters(head.query, known: route.query)
            guard body.isEmpty || route.takesBody else {
                // A body without a meaning is refused, because its sender expects an effect.
                throw ProblemDetails(.invalidBody, detail: "Nothing was done: this path takes no body with \(head.method).")
            }
            guard body.isEmpty || head.values("content-encoding").allSatisfy({ $0.asciiLowercased == "identity" }) else {
                throw ProblemDetails(
                    .unsupportedMediaType,
                    detail: "Nothing was done: the body has a Content-Encoding. Send it uncompressed."
                )
            }
            response = try await route.handler(
                HTTPRequest(head: head, caller: caller, parameters: parameters, query: query, body: body)
            )
            self.logger.debug(
                "An admin request was carried out",
                metadata: [
                    "request": "\(head.id)", "method": "\(route.method.rawValue)", "route": "\(route.path.rawValue)",
                    "status": "\(response.status)",
                ]
            )
        } catch {
            let refusal = self.problem(of: error, head)
            problem = refusal
            response = self.refusal(refusal, head)
            if let taken = refusal.taken { response.record = .messages(taken.map(\.id)) }
        }
        if route.method != .get {
            var entry = AuditResource(
                head,
                caller,
                route: route,
                outcome: AuditOutcome(status: response.status),
                status: response.status,
                code: problem?.code,
                at: Timestamp.now.text
            )
            entry.addQuery(of: head, known: route.query)
            if !response.record.isEmpty { entry.details = response.record }
            await self.access.audit.record(entry)
        }
        return response
    }

    private func refusal(
        _ problem: ProblemDetails,
        _ head: RequestHead,
        headers: [HTTPResponse.Header] = []
    ) -> HTTPResponse {
        self.logger.debug(
            "An admin request is refused",
            metadata: ["request": "\(head.id)", "code": "\(problem.code.rawValue)", "status": "\(problem.status)"]
        )
        return .problem(problem, requestID: head.id, headers: headers)
    }

    private func problem(of error: any Error, _ head: RequestHead) -> ProblemDetails {
        switch error {
        case let problem as ProblemDetails: return problem
        case let error as InjectionError: return ProblemDetails(error)
        case let error as StoreError:
            if let heldBack = self.storeFailures.admit(error.code) {
                self.logger.warning(
                    "The store failed an admin request",
                    metadata: [
                        "request": "\(head.id)", "code": "\(error.code.rawValue)", "error": "\(error.message)",
                        "held_back": "\(heldBack)",
                    ]
                )
            }
            return ProblemDetails(error)
        default:
            self.logger.error(
                "An admin request failed",
                metadata: ["request": "\(head.id)", "error": "\(String(reflecting: error))"]
            )
            return ProblemDetails(.internalError, detail: "The relay's log has the cause, with the id of this request.")
        }
    }
}

/// Limits the log messages about requests that fail because of the store, over all threads that serve them.
private final class StoreFailureLog: Sendable {
    private let limit = Mutex(LogLimit<StoreError.Code>())

    func admit(_ code: StoreError.Code) -> Int? {
        self.limit.withLock { $0.admit(code, at: .now) }
    }
}

extension ProblemDetails {
    /// Makes the problem of a frame that was not injected.
    init(_ error: InjectionError) {
        switch error {
        case .payloadTooLong(let maximum):
            self.init(.payloadTooLong, detail: "A payload may have at most \(maximum) bytes.")
        case .keyReused:
            self.init(
                .idempotencyKeyReused,
                detail: """
                    The idempotency key was used for another message within the time for which keys are remembered, and nothing was sent. \
                    Use a new key for each message, and the former one only to repeat its request.
                    """
            )
        case .rejected(let cap):
            self.init(.queueFull, detail: "The frame was refused: \(cap.settingKey ?? cap.rawValue) is reached.")
        case .stopping: self.init(.stopping, detail: "The frame was refused. Try again when the relay has been restarted.")
        }
    }

    /// Makes the problem of a failed store.
    init(_ error: StoreError) {
        self.init(.storeUnavailable, detail: error.description)
    }
}
