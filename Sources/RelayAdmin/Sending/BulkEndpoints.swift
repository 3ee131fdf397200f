import AdminAPI
import RelayCore
import TTMSProtocol

/// The endpoint that sends many messages in one request: they are written to disk together, and each has its own result.
struct BulkEndpoints: Sendable {
    let operations: any RelayOperations
    let problems: InjectionProblems

    @Sendable
    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        try KeyHeader.refuse(in: request)
        let sendings = try BulkBody.parse(request)
        let injections = sendings.compactMap { try? $0.injection.get() }
        var results = await self.operations.injectAll(injections)[...]
        var data: [BulkReceipt.Sending] = []
        for sending in sendings {
            switch sending.injection {
            case .failure(let problem): data.append(Self.refused(sending, problem))
            case .success(let injection):
                data.append(
                    try await self.result(of: sending, injection, results.popFirst() ?? .failure(InjectionError.stopping))
                )
            }
        }
        let receipt = BulkReceipt(data: data)
        var response = try HTTPResponse.json(receipt)
        response.record = .messages(data.filter { !$0.repeated }.compactMap { $0.receipt?.id })
        response.record["refused"] = String(receipt.meta.refused)
        return response
    }

    private func result(
        of sending: BulkBody.Sending,
        _ injection: Injection,
        _ result: Result<InjectionOutcome, any Error>
    ) async throws -> BulkReceipt.Sending {
        let outcome: InjectionOutcome
        do {
            outcome = try result.get()
        } catch {
            return Self.refused(sending, try await self.problems.problem(of: error, for: injection.destination))
        }
        let receipt = MessageReceipt(outcome, injection)
        return BulkReceipt.Sending(
            message: sending.message,
            ccid: receipt.ccid,
            status: SendingEndpoints.status(receipt.state),
            receipt: receipt,
            repeated: outcome.isRepeated,
            problem: nil
        )
    }

    private static func refused(_ sending: BulkBody.Sending, _ problem: ProblemDetails) -> BulkReceipt.Sending {
        BulkReceipt.Sending(
            message: sending.message,
            ccid: sending.ccid?.description,
            status: problem.status,
            receipt: nil,
            repeated: false,
            problem: problem
        )
    }
}
