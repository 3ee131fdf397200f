import AdminAPI
import RelayCore

/// The endpoints for probes, monitoring and the relay's summary.
struct StatusEndpoints: Sendable {
    let operations: any RelayOperations
    let settings: any RelaySettings
    let audit: AuditLog
    let connections: ClientConnections

    /// Answers without any check: a liveness probe that checked more would cause restarts of a healthy process.
    @Sendable
    func livez(_ request: HTTPRequest) async throws -> HTTPResponse {
        .json(writing: LivenessResource())
    }

    @Sendable
    func readyz(_ request: HTTPRequest) async throws -> HTTPResponse {
        let readiness = ReadinessResource(await self.operations.readiness())
        return .json(writing: readiness, status: readiness.ready ? 200 : 503)
    }

    @Sendable
    func metrics(_ request: HTTPRequest) async throws -> HTTPResponse {
        let format = MetricsFormat(accept: request.head.values("accept"))
        let families =
            await self.operations.metrics() + self.audit.metrics + self.connections.metrics + self.settings.metrics()
        var response = HTTPResponse.text(format.render(families), mediaType: format.mediaType)
        response.headers.append(HTTPResponse.Header("Vary", "Accept"))
        return response
    }

    /// Answers before the relay ends, since it cannot be reached afterwards.
    @Sendable
    func drain(_ request: HTTPRequest) async throws -> HTTPResponse {
        await self.operations.drain()
        return try .json(DrainReceipt(), status: 202)
    }

    @Sendable
    func status(_ request: HTTPRequest) async throws -> HTTPResponse {
        .json(writing: StatusResource(await self.operations.status()))
    }
}
