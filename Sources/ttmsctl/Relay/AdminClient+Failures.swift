import AdminAPI
import NIOHTTP1

/// The failures of requests, for people.
extension AdminClient {
    /// The members of every problem. The code is a string, because a newer relay may have codes that this ttmsctl does not
    /// know.
    private struct Problem: Decodable {
        var code: String
        var detail: String
        var errors: [ProblemDetails.Flaw]?
    }

    /// The failure of a request without an answer.
    ///
    /// - Parameter isChange: whether the request changes something.
    func failure(_ error: TransportError, isChange: Bool) -> Failure {
        let url = self.location.url
        return switch error {
        case .notConnected(let reason):
            Failure(
                .unavailable,
                "The relay at \(url) cannot be reached (\(reason)). Is it running, and is the address right?"
            )
        case .noAnswer(let reason):
            Failure(
                .unavailable,
                "The relay at \(url) has not answered (\(reason)). "
                    + (isChange
                        ? "It may have carried out the request: check before you repeat it."
                        : "Is the address that of an admin API?")
            )
        case .notHTTP:
            Failure(
                .notUnderstood,
                "The server at \(url) does not speak HTTP. Correct the address: terminals connect to another port than ttmsctl."
            )
        case .tooLarge: self.unexpected("it is too large")
        }
    }

    /// The failure of a stream of events that broke off.
    func broken(_ error: TransportError) -> Failure {
        switch error {
        case .notConnected(let reason), .noAnswer(let reason):
            Failure(.unavailable, "The connection to the relay at \(self.location.url) broke (\(reason)).")
        case .notHTTP, .tooLarge: self.failure(error, isChange: false)
        }
    }

    /// The failure of a successful answer that this ttmsctl cannot read, from another server or another release of the relay.
    func unexpected(_ flaw: String) -> Failure {
        Failure(
            .notUnderstood,
            """
            The answer of \(self.location.url) is not one that this ttmsctl expects: \(flaw). Correct the address, or use the \
            ttmsctl of the relay's release.
            """
        )
    }

    /// The failure of a request that was answered with an error status.
    func refusal(_ answer: AdminTransport.Answer) -> Failure {
        let url = self.location.url
        if (300..<400).contains(answer.status) {
            let target = answer.headers.first(name: "Location").map { " to \($0)" } ?? ""
            return Failure(
                .notUnderstood,
                """
                \(url) redirects\(target). ttmsctl does not follow, because it would send the token there. If that is the \
                relay, give its address by --url.
                """
            )
        }
        guard let problem = try? APIJSON.decode(Problem.self, from: answer.body) else {
            // The statuses of a proxy that cannot reach its server.
            let isGateway = [502, 503, 504].contains(answer.status)
            return Failure(
                isGateway ? .unavailable : .notUnderstood,
                "\(url) answers with HTTP status \(answer.status), but not in a relay's form. "
                    + (isGateway
                        ? "A proxy in between may not reach the relay." : "Correct the address, or the proxy in between.")
            )
        }
        let origin = self.location.token.origin
        switch problem.code {
        case ProblemCode.unauthorized.rawValue:
            return Failure(
                .noPermission,
                "The relay at \(url) does not accept the token from \(origin): \(problem.detail)\(self.reloading)"
            )
        case ProblemCode.insufficientScope.rawValue:
            return Failure(.noPermission, "The token from \(origin) does not allow this: \(problem.detail)")
        case ProblemCode.stopping.rawValue:
            return Failure(.unavailable, "The relay at \(url) is stopping: \(problem.detail)")
        default:
            let flaws = (problem.errors ?? []).map { "\n  \($0.pointer): \($0.detail)" }.joined()
            return Failure(.refused, "The relay refused (\(problem.code)): \(problem.detail)\(flaws)")
        }
    }

    /// Advice for the case that the file admin.token was replaced and the relay has not read it.
    private var reloading: String {
        guard let process = self.location.process, self.location.token.origin.hasSuffix(Endpoints.tokenFileName) else {
            return ""
        }
        return " If the file was replaced, have the relay read it again: kill -HUP \(process), or systemctl reload."
    }
}
