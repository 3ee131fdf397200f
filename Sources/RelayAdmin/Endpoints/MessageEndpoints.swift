import AdminAPI
import RelayCore
import TTMSProtocol

/// The endpoints for messages: list, show, explain, and delete before they are written.
struct MessageEndpoints: Sendable {
    /// Messages per read of the store, so that a long page of large messages does not delay the commits.
    private static let chunk = 50
    /// The most bytes of frames on one page, and one chunk more: the page is assembled in memory.
    private static let pageBytes = 4 << 20

    let operations: any RelayOperations
    let blocks: BlockRegistry

    @Sendable
    func list(_ request: HTTPRequest) async throws -> HTTPResponse {
        let ccid = try request.ccid
        let limit = try request.query.limit
        let encoding = try Self.encoding(request.query)
        let state = try request.query.word("state", as: AdminAPI.MessageState.self)
        let list = "messages.\(ccid)" + (state.map { ".\($0.rawValue)" } ?? "")
        var after: MessageID?
        if let text = request.query["cursor"] {
            after = MessageID(try Cursor(text, of: list).position)
            if after == nil { throw Cursor.invalid }
        }
        let found =
            if let state, let end = MessageTrace.State(rawValue: state.rawValue), end.isEnd {
                try await self.traced(ccid, end, after: after, limit: limit, encoding)
            } else {
                try await self.stored(ccid, state, after: after, limit: limit, encoding)
            }
        if found.messages.isEmpty, found.next == nil, try await self.operations.terminal(ccid) == nil {
            throw await TerminalEndpoints.unknown(ccid, self.operations)
        }
        let next = found.next.map { Cursor(list: list, position: $0.description).text }
        return .json(writing: Page(data: found.messages, limit: limit, nextCursor: next))
    }

    /// Messages, and the id after which the next page begins.
    private typealias Found = (messages: [MessageResource], next: MessageID?)

    private func traced(
        _ ccid: CCID,
        _ state: MessageTrace.State,
        after: MessageID?,
        limit: Int,
        _ encoding: PayloadEncoding
    ) async throws -> Found {
        let page = try await self.operations.endedMessages(of: ccid, in: state, after: after, limit: limit)
        return (page.traces.compactMap { MessageResource(MessageReport(trace: $0), encoding: encoding) }, page.next)
    }

    /// Stored messages. One page reads as many as it would show without a state.
    private func stored(
        _ ccid: CCID,
        _ state: AdminAPI.MessageState?,
        after: MessageID?,
        limit: Int,
        _ encoding: PayloadEncoding
    ) async throws -> Found {
        let found = try await self.read(ccid, after: after, limit: limit)
        let messages = found.messages.map { MessageResource($0, encoding: encoding) }
        return (messages.filter { state == nil || $0.state == state }, found.hasMore ? found.messages.last?.id : nil)
    }

    @Sendable
    func show(_ request: HTTPRequest) async throws -> HTTPResponse {
        let encoding = try Self.encoding(request.query)
        let id = try request.messageID
        return .json(writing: try await self.resource(of: id, encoding).message)
    }

    @Sendable
    func why(_ request: HTTPRequest) async throws -> HTTPResponse {
        let (message, report) = try await self.resource(of: try request.messageID, .base64)
        var explanation = Explanation(message: message, framesAhead: report.framesAhead)
        if let ccid = CCID(message.ccid) {
            let terminal = try await self.operations.terminal(ccid)
            explanation.terminal = terminal
            if terminal?.isOnline != true {
                let block = await self.blocks.block(of: ccid, from: terminal?.history.last?.remoteAddress)
                explanation.block = block.map { $0.shown(by: self.blocks.clock) }
            }
        }
        return try .json(explanation.resource)
    }

    private func resource(
        of id: MessageID,
        _ encoding: PayloadEncoding
    ) async throws -> (message: MessageResource, report: MessageReport) {
        guard let report = try await self.operations.report(on: id),
            let message = MessageResource(report, encoding: encoding)
        else { throw Self.unknown(id) }
        return (message, report)
    }

    @Sendable
    func delete(_ request: HTTPRequest) async throws -> HTTPResponse {
        let id = try request.messageID
        let deletion = try await self.operations.deleteMessage(id)
        switch deletion.value {
        case .deleted: return deletion.isDurable ? .noContent : try .pending(DeletionReceipt(deleted: 1, isPending: true))
        case .inFlight, .unknown: throw try await self.deletionProblem(id)
        }
    }

    /// The reason for which a message cannot be deleted, with its known times.
    private func deletionProblem(_ id: MessageID) async throws -> ProblemDetails {
        guard let (message, _) = try? await self.resource(of: id, .base64) else { return Self.unknown(id) }
        let at = message.history.last.map { " at \($0.at)" } ?? ""
        var problem: ProblemDetails
        switch message.state {
        case .accepted, .queued:
            // It was in flight a moment ago, and has been requeued since.
            problem = ProblemDetails(.inFlight, detail: "The message \(id) was in flight a moment ago. Delete it again.")
        case .inFlight:
            problem = ProblemDetails(
                .inFlight,
                detail:
                    "The message \(id) was written to its terminal\(message.attempts == nil ? "" : at), and can no longer be deleted."
            )
        case .acknowledged, .confirmed, .expired, .deleted, .evicted:
            let written = message.history.last { $0.state == .inFlight }.map { "was written at \($0.at), and " } ?? ""
            problem = ProblemDetails(
                .messageEnded,
                detail:
                    "The message \(id) \(written)has ended: it is \(message.state.rawValue) since\(at.dropFirst(3))."
            )
        }
        problem.history = message.history
        return problem
    }

    @Sendable
    func deleteAll(_ request: HTTPRequest) async throws -> HTTPResponse {
        let ccid = try request.ccid
        guard try await self.operations.terminal(ccid) != nil else {
            throw await TerminalEndpoints.unknown(ccid, self.operations)
        }
        let deletion = try await self.operations.deleteMessages(of: ccid)
        let receipt = DeletionReceipt(deleted: deletion.value, isPending: !deletion.isDurable)
        var response = try deletion.isDurable ? HTTPResponse.json(receipt) : .pending(receipt)
        response.record["deleted"] = String(deletion.value)
        return response
    }

    /// Reads up to `limit` messages, fewer when their frames are large, and determines whether more follow.
    private func read(
        _ ccid: CCID,
        after: MessageID?,
        limit: Int
    ) async throws -> (messages: [StoredMessage], hasMore: Bool) {
        var messages: [StoredMessage] = []
        var bytes = 0
        while true {
            let wanted = min(limit + 1 - messages.count, Self.chunk)
            let last = messages.last?.id ?? after
            let chunk = try await self.operations.messages(of: ccid, after: last, limit: wanted)
            messages += chunk
            bytes += chunk.reduce(0) { $0 + $1.frame.count }
            if messages.count > limit { return (Array(messages.prefix(limit)), true) }
            if chunk.count < wanted { return (messages, false) }
            // When no messages follow, the next page is empty.
            if bytes >= Self.pageBytes { return (messages, true) }
        }
    }

    private static func encoding(_ query: QueryParameters) throws(ProblemDetails) -> PayloadEncoding {
        try query.word("payload_encoding", as: PayloadEncoding.self) ?? .base64
    }

    private static func unknown(_ id: MessageID) -> ProblemDetails {
        ProblemDetails(
            .messageNotFound,
            detail: """
                No message \(id) is stored or traced: there never was one, or it has ended, and was not traced or its \
                trace has been removed (`trace_retention`, `maximum_traces`).
                """
        )
    }
}
