import AdminAPI
import RelayCore
import TTMSProtocol

/// The endpoints that send messages of operators. These are handled like a terminal's: delivered if the destination is online, or
/// queued.
struct SendingEndpoints: Sendable {
    let operations: any RelayOperations
    let problems: InjectionProblems

    @Sendable
    func message(_ request: HTTPRequest) async throws -> HTTPResponse {
        let destination = try request.ccid
        let wait = try request.query.number("wait_ms", in: Self.waits)
        var injection = try self.injection(request, to: destination)
        if try request.query.word("preview", as: Preview.self) == .true { return try await self.preview(injection) }
        injection.key = try KeyHeader.key(of: request).map { key in
            IdempotencyKey([request.caller?.tokenID ?? "", key], of: injection)
        }
        let outcome: InjectionOutcome
        do {
            outcome = try await self.operations.inject(injection)
        } catch {
            throw try await self.problems.problem(of: error, for: destination)
        }
        var receipt = MessageReceipt(outcome, injection)
        if let wait, outcome.isTraced { await self.awaitEnd(of: outcome.id, .milliseconds(wait), &receipt) }
        var response = try HTTPResponse.json(receipt, status: Self.status(receipt.state))
        response.headers.append(HTTPResponse.Header("Location", RoutePath.message.path(receipt.id)))
        response.record = .messages([receipt.id])
        if outcome.isRepeated {
            response.headers.append(HTTPResponse.Header("Idempotency-Replayed", "true"))
            response.record["repeated"] = "true"
        }
        return response
    }

    /// Waits for the message's end, and records its state. Failures are ignored, because the client needs the id of its accepted
    /// message.
    private func awaitEnd(of id: MessageID, _ timeout: Duration, _ receipt: inout MessageReceipt) async {
        guard let trace = try? await self.operations.awaitEnd(of: id, timeout: timeout) else {
            // The message has ended and its trace was removed for others, or the store cannot be read.
            receipt.traced = false
            return
        }
        receipt.state = MessageState(trace.state)
    }

    /// Milliseconds that a request may wait for the acknowledgement: less than its deadline.
    private static let waits = 0...25_000

    /// The status of the answer for a message in `state`: 202 while it has not been written.
    static func status(_ state: MessageState) -> Int { state == .accepted || state == .queued ? 202 : 200 }

    private enum Preview: String, CaseIterable {
        case `true`
        case `false`
    }

    private func preview(_ injection: Injection) async throws -> HTTPResponse {
        let preview = try await self.operations.preview(injection)
        let terminal = try await self.operations.terminal(injection.destination)
        var resource = MessagePreview(preview, injection, isOnline: terminal?.isOnline ?? false)
        if let cap = preview.store.rejection {
            resource.rejectionDetail = "It would be refused: \(await self.problems.reason(of: cap))"
        }
        return try .json(resource)
    }

    @Sendable
    func frames(_ request: HTTPRequest) async throws -> HTTPResponse {
        try Self.require(.octets, request)
        try KeyHeader.refuse(in: request)
        guard let source = try request.query.ccid("source") else {
            throw QueryParameters.invalid("source", "It is required: the CCID that the destinations see as the sender.")
        }
        let timeToLive = try Self.timeToLive(request.query)
        let injections = try RawFrames.parse(request.body).map { frame in
            Injection(source: source, destination: frame.destination, payload: frame.payload, timeToLive: timeToLive)
        }
        let results = await self.operations.injectAll(injections)
        var receipts: [Result<MessageReceipt, ProblemDetails>] = []
        for (injection, result) in zip(injections, results) {
            do {
                receipts.append(.success(MessageReceipt(try result.get(), injection)))
            } catch {
                receipts.append(.failure(try await self.problems.problem(of: error, for: injection.destination)))
            }
        }
        if let problem = Self.problem(of: receipts) { throw problem }
        let taken = receipts.compactMap { try? $0.get() }
        let isWritten = taken.allSatisfy { $0.state == .inFlight }
        var response = try HTTPResponse.json(List(data: taken), status: isWritten ? 200 : 202)
        response.record = .messages(taken.map(\.id))
        return response
    }

    private func injection(_ request: HTTPRequest, to destination: CCID) throws -> Injection {
        switch MediaType(rawValue: request.mediaType) {
        case .json:
            if let name = ["source", "time_to_live_seconds"].first(where: { request.query[$0] != nil }) {
                throw QueryParameters.invalid(name, "With a JSON body it is a field of the body.")
            }
            return try SendMessageBody.parse(request, to: destination)
        case .octets:
            return Injection(
                source: try request.query.ccid("source") ?? SendMessageBody.defaultSource,
                destination: destination,
                payload: request.body,
                timeToLive: try Self.timeToLive(request.query)
            )
        case nil: throw Self.unsupported(MediaType.allCases)
        }
    }

    /// The media types of request bodies.
    private enum MediaType: String, CaseIterable {
        case json = "application/json"
        case octets = "application/octet-stream"
    }

    private static func require(_ type: MediaType, _ request: HTTPRequest) throws(ProblemDetails) {
        guard request.mediaType == type.rawValue else { throw self.unsupported([type]) }
    }

    private static func unsupported(_ allowed: [MediaType]) -> ProblemDetails {
        let names = allowed.map(\.rawValue).joined(separator: " or ")
        return ProblemDetails(.unsupportedMediaType, detail: "Set Content-Type to \(names).")
    }

    private static func timeToLive(_ query: QueryParameters) throws(ProblemDetails) -> UInt32? {
        try query.number("time_to_live_seconds", in: 0...UInt32.max)
    }

    /// The problem of the first refused frame, with a flaw for each refused one, and with the accepted ones, which cannot be withdrawn.
    private static func problem(of receipts: [Result<MessageReceipt, ProblemDetails>]) -> ProblemDetails? {
        var problem: ProblemDetails?
        var flaws: [ProblemDetails.Flaw] = []
        for case (let index, .failure(let refusal)) in receipts.enumerated() {
            problem = problem ?? refusal
            flaws.append(ProblemDetails.Flaw(pointer: "/\(index)", detail: refusal.detail))
        }
        problem?.errors = flaws
        problem?.taken = receipts.compactMap { try? $0.get() }
        return problem
    }
}
