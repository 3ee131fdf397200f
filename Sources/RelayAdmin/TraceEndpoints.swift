import AdminAPI
import RelayCore
import TTMSProtocol

/// The trace switch of a terminal: while it is on, all messages for it are remembered with all that happens to them.
struct TraceEndpoints: Sendable {
    let operations: any RelayOperations

    @Sendable
    func show(_ request: HTTPRequest) async throws -> HTTPResponse {
        let ccid = try request.ccid
        return try .json(TraceResource(ccid, try await self.operations.tracing(of: ccid)))
    }

    @Sendable
    func start(_ request: HTTPRequest) async throws -> HTTPResponse {
        let ccid = try request.ccid
        guard request.mediaType == "application/json" else {
            throw ProblemDetails(.unsupportedMediaType, detail: "Set Content-Type to application/json.")
        }
        let shape = ModelBody.Shape(fields: TraceRequest.fieldNames) { field in
            let range = field == "frames" ? TraceRequest.frameCounts : TraceRequest.seconds
            return "It has to be a whole number from \(range.lowerBound) to \(range.upperBound)."
        }
        let body = try ModelBody.decode(TraceRequest.self, from: request.body, as: shape)
        let traceSwitch = try await self.operations.setTracing(
            of: ccid,
            for: body.forSeconds,
            frames: body.frames ?? TraceRequest.defaultFrames
        )
        return try .json(TraceResource(ccid, traceSwitch))
    }

    @Sendable
    func stop(_ request: HTTPRequest) async throws -> HTTPResponse {
        try await self.operations.setTracing(of: try request.ccid, for: nil, frames: 0)
        return .noContent
    }
}
