import AdminAPI
import NIOHTTP1

/// What went wrong, for people.
extension AdminClient {
    /// What every problem says, whatever its code: a newer relay may have codes that this ttmsctl does not know.
    private struct Problem: Decodable {
        var code: String
        var detail: String
        var errors: [ProblemDetails.Flaw]?
    }

    /// There is no answer.
    ///
    /// - Parameter isChange: whether the request was to change something.
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
                        ? "It may have done what it was asked to: check before you repeat it."
                        : "Is the address that of an admin API?")
            )
        case .notHTTP:
            Failure(
                .notUnderstood,
                "What answers at \(url) does not speak HTTP. Correct the address: terminals connect to another port than ttmsctl."
            )
        case .tooLarge: self.unexpected("it is too large")
        }
    }

    /// The stream of events has ended in its midst.
    func broken(_ error: TransportError) -> Failure {
        switch error {
        case .notConnected(let reason), .noAnswer(let reason):
            Failure(.unavailable, "The connection to the relay at \(self.location.url) broke (\(reason)).")
        case .notHTTP, .tooLarge: self.failure(error, isChange: false)
        }
    }

    /// What answered with success is no relay, or another release of it.
    func unexpected(_ flaw: String) -> Failure {
        Failure(
            .notUnderstood,
            """
            What \(self.location.url) answers is not what this ttmsctl expects: \(flaw). Correct the address, or use the ttmsctl of \
            the relay's release.
            """
        )
    }

    /// Why the relay did not do what it was asked to.
    func refusal(_ answer: AdminTransport.Answer) -> Failure {
        let url = self.location.url
        if (300..<400).contains(answer.status) {
            let target = answer.headers.first(name: "Location").map { " to \($0)" } ?? ""
            return Failure(
                .notUnderstood,
                """
                \(url) redirects\(target). ttmsctl does not follow, because the token would go there: if that is the relay, give its \
                address by --url.
                """
            )
        }
        guard let problem = try? APIJSON.decode(Problem.self, from: answer.body) else {
            // What a proxy says of a relay that it does not reach.
            let isGateway = [502, 503, 504].contains(answer.status)
            return Failure(
                isGateway ? .unavailable : .notUnderstood,
                "\(url) answers with HTTP status \(answer.status), but not as a relay does. "
                    + (isGateway
                        ? "A proxy in between may not reach the relay." : "Correct the address, or what is in between.")
            )
        }
        let origin = self.location.token.origin
        switch problem.code {
        case ProblemCode.unauthorized.rawValue:
            return Failure(
                .noPermission,
                "The relay at \(url) does not take the token from \(origin): \(problem.detail)\(self.reloading)"
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

    /// What helps when the file admin.token was replaced and the relay does not know it.
    private var reloading: String {
        guard let process = self.location.process, self.location.token.origin.hasSuffix(Endpoints.tokenFileName) else {
            return ""
        }
        return " If the file was replaced, have the relay read it again: kill -HUP \(process), or systemctl reload."
    }
}
