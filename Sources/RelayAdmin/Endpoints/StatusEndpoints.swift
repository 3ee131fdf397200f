import AdminAPI
import RelayCore

/// How the relay is: for probes, for monitoring, for people.
struct StatusEndpoints: Sendable {
    let operations: any RelayOperations
    let settings: any RelaySettings
    let audit: AuditLog
    let connections: ClientConnections

    /// That it answers is the answer: a liveness probe that looked at more would have a healthy process killed.
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

    /// Answers before the relay ends; after that it cannot be reached any more.
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
