import AdminAPI
import RelayCore
import TTMSProtocol

/// Many messages from an operator in one request: they go to disk together, and each has its own result.
struct BulkEndpoints: Sendable {
    let operations: any RelayOperations

    @Sendable
    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        try KeyHeader.refuse(in: request)
        let sendings = try BulkBody.parse(request)
        let results = await self.operations.injectAll(sendings.map(\.injection))
        let data = try zip(sendings, results).map { sending, result in
            let outcome: InjectionOutcome
            do {
                outcome = try result.get()
            } catch {
                return Self.refused(sending, try Self.problem(of: error))
            }
            let receipt = MessageReceipt(outcome, sending.injection)
            return BulkReceipt.Sending(
                message: sending.message,
                ccid: receipt.ccid,
                status: SendingEndpoints.status(receipt.state),
                receipt: receipt,
                repeated: outcome.isRepeated,
                problem: nil
            )
        }
        let receipt = BulkReceipt(data: data)
        var response = try HTTPResponse.json(receipt)
        response.record = .messages(data.filter { !$0.repeated }.compactMap { $0.receipt?.id })
        response.record["refused"] = String(receipt.meta.refused)
        return response
    }

    private static func refused(_ sending: BulkBody.Sending, _ problem: ProblemDetails) -> BulkReceipt.Sending {
        BulkReceipt.Sending(
            message: sending.message,
            ccid: sending.injection.destination.description,
            status: problem.status,
            receipt: nil,
            repeated: false,
            problem: problem
        )
    }

    private static func problem(of error: any Error) throws -> ProblemDetails {
        switch error {
        case let error as InjectionError: ProblemDetails(error)
        case let error as StoreError: ProblemDetails(error)
        default: throw error
        }
    }
}
