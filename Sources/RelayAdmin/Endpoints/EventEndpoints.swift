import AdminAPI
import RelayCore
import TTMSProtocol

/// The endpoint of the event stream.
struct EventEndpoints: Sendable {
    let hub: EventHub
    let tokens: TokenRegistry

    /// The most terminals that one client can select.
    private static let maximumCCIDs = 100

    @Sendable
    func follow(_ request: HTTPRequest) async throws -> HTTPResponse {
        let filter = EventFilter(types: try self.types(request.query), ccids: try self.ccids(request.query))
        var response = HTTPResponse(status: 200)
        response.headers = [
            .init("Content-Type", "text/event-stream"),
            // Proxies that buffer a whole answer would never forward this one.
            .init("X-Accel-Buffering", "no"),
        ]
        if request.head.method != "HEAD" {
            response.stream = try self.hub.open(filter, after: request.head.values("last-event-id").first { !$0.isEmpty }) {
                [tokens, caller = request.caller] in
                caller.map { tokens.isInForce($0) } ?? true
            }
        }
        return response
    }

    private func types(_ query: QueryParameters) throws(ProblemDetails) -> Set<EventType>? {
        guard let text = query["types"] else { return nil }
        let known = EventType.allCases.filter { !$0.isOfStream }
        var types: Set<EventType> = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let type = known.first(where: { $0.rawValue == name }) else {
                let names = known.map(\.rawValue).joined(separator: ", ")
                throw QueryParameters.invalid("types", "It has to be some of \(names), with commas between them.")
            }
            types.insert(type)
        }
        return types
    }

    private func ccids(_ query: QueryParameters) throws(ProblemDetails) -> Set<CCID>? {
        guard let text = query["ccids"] else { return nil }
        let names = text.split(separator: ",", omittingEmptySubsequences: false)
        let ccids = names.compactMap { CCID(String($0)) }
        guard ccids.count == names.count, ccids.count <= Self.maximumCCIDs else {
            throw QueryParameters.invalid(
                "ccids",
                "It has to be up to \(Self.maximumCCIDs) CCIDs of 8 hex digits, with commas between them."
            )
        }
        return Set(ccids)
    }
}
