import AdminAPI
import Logging
import RelayCore

/// What every request passes before its endpoint, and what becomes of an endpoint's errors.
struct AdminService: HTTPService {
    let router: Router
    let token: BearerToken
    let hosts: HostPolicy
    let logger: Logger

    func admit(_ head: RequestHead) -> Admission {
        if let problem = RequestFraming.problem(of: head) {
            return .refused(self.refusal(problem, head), closing: true)
        }
        guard head.values("host").allSatisfy(self.hosts.allows) else {
            let detail = "This server is called 127.0.0.1, [::1] or localhost; the request is for another name."
            return .refused(self.refusal(ProblemDetails(.misdirectedRequest, detail: detail), head))
        }
        let match = self.router.match(method: head.method, path: head.path)
        guard self.isAllowed(match.access, head) else {
            let detail =
                "Send `Authorization: Bearer TOKEN`; the token is in the file admin.token of the relay's data directory."
            return .refused(self.refusal(ProblemDetails(.unauthorized, detail: detail), head))
        }
        switch match.outcome {
        case .route(let route, let parameters):
            return .accepted { body in await self.carryOut(route, parameters, head, body) }
        case .options(let allow):
            return .refused(HTTPResponse(status: 204, headers: [HTTPResponse.Header("Allow", allow)]))
        case .problem(let problem, let allow):
            let headers = allow.map { [HTTPResponse.Header("Allow", $0)] } ?? []
            return .refused(self.refusal(problem, head, headers: headers))
        }
    }

    private func isAllowed(_ access: Access, _ head: RequestHead) -> Bool {
        switch access {
        case .open: return true
        case .openOnLoopback where self.hosts.isLoopback: return true
        case .openOnLoopback, .token:
            let authorizations = head.values("authorization")
            return authorizations.count == 1 && authorizations.allSatisfy(self.token.matches)
        }
    }

    private func carryOut(
        _ route: Route,
        _ parameters: [String: String],
        _ head: RequestHead,
        _ body: [UInt8]
    ) async -> HTTPResponse {
        do {
            let query = try QueryParameters(head.query, known: route.query)
            let request = HTTPRequest(head: head, parameters: parameters, query: query, body: body)
            let response = try await route.handler(request)
            self.logger.debug(
                "An admin request was carried out",
                metadata: [
                    "request": "\(head.id)", "method": "\(route.method.rawValue)", "route": "\(route.path.rawValue)",
                    "status": "\(response.status)",
                ]
            )
            return response
        } catch {
            return self.refusal(self.problem(of: error, head), head)
        }
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
            self.logger.warning(
                "The store failed an admin request",
                metadata: ["request": "\(head.id)", "code": "\(error.code.rawValue)", "error": "\(error.message)"]
            )
            return ProblemDetails(error)
        default:
            self.logger.error(
                "An admin request failed",
                metadata: ["request": "\(head.id)", "error": "\(String(reflecting: error))"]
            )
            return ProblemDetails(.internalError, detail: "The relay's log has the cause, under the id of this request.")
        }
    }
}

extension ProblemDetails {
    /// What an operator is told when a frame was not injected.
    init(_ error: InjectionError) {
        switch error {
        case .payloadTooLong(let maximum):
            self.init(.payloadTooLong, detail: "A payload may have \(maximum) bytes at the most.")
        case .rejected(let cap):
            self.init(
                .queueFull,
                detail: """
                    The frame was not taken: the store is at its limit \(cap.rawValue), and its policy is reject-newest. Deliver \
                    or delete messages, or raise the limit.
                    """
            )
        case .stopping: self.init(.stopping, detail: "The frame was not taken. Try again when the relay has started anew.")
        }
    }

    /// What an operator is told when the store failed.
    init(_ error: StoreError) {
        self.init(.storeUnavailable, detail: error.description)
    }
}
