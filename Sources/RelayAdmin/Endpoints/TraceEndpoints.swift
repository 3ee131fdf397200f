import AdminAPI
import RelayCore
import TTMSProtocol

/// The endpoints for the trace switch of a terminal, with which all messages for it are traced.
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
        var body = try JSONBody(request, fields: TraceRequest.fieldNames)
        let seconds = body.requiredNumber("for_seconds", in: TraceRequest.seconds)
        let frames = body.number("frames", in: TraceRequest.frameCounts) ?? TraceRequest.defaultFrames
        guard body.isSound, let seconds else { throw body.problem }
        let change = try await self.operations.setTracing(of: ccid, for: seconds, frames: frames)
        var trace = TraceResource(ccid, change.value)
        if !change.isDurable { trace.pending = true }
        var response = try change.isDurable ? HTTPResponse.json(trace) : .pending(trace)
        response.record["until"] = trace.until
        response.record["frames"] = trace.remainingFrames.map { String($0) }
        return response
    }

    @Sendable
    func stop(_ request: HTTPRequest) async throws -> HTTPResponse {
        let ccid = try request.ccid
        let change = try await self.operations.setTracing(of: ccid, for: nil, frames: 0)
        if change.isDurable { return .noContent }
        var trace = TraceResource(ccid, change.value)
        trace.pending = true
        return try .pending(trace)
    }
}
