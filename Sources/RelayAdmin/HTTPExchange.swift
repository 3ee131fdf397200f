import AdminAPI
import CMicroHTTPD
import Logging
import Synchronization

/// One request and its answer.
///
/// `receive`, `respond` and the initializer run on the library's thread. In `respond` the connection is suspended, then a task
/// carries the request out, another waits for the deadline, and whichever ends first stores the answer and resumes the
/// connection; the library calls `respond` again, which sends it. Nothing blocks the library's thread, and nothing but it
/// touches the connection while it is not suspended.
///
/// Unchecked: `body`, `received` and `admission` belong to the library's thread; `answer` is locked; the rest is constant.
final class HTTPExchange: @unchecked Sendable {
    private enum Answer {
        /// The request is being received, or has been refused.
        case none
        /// The connection is suspended.
        case awaited
        /// The connection has been resumed.
        case ready(HTTPResponse)
    }

    /// How much more than the largest body is read and dropped to answer a client that sends too much: it would not read an
    /// answer before it is done.
    private static let drainFactor = 4

    let connection: OpaquePointer
    let descriptor: Int32
    private unowned let daemon: HTTPDaemon
    private let head: RequestHead
    private let maximumBody: Int
    private var admission: Admission
    private var received = 0
    private var body: [UInt8] = []
    private let answer = Mutex(Answer.none)

    /// Takes in the head of a request, and answers it at once when what follows it cannot be trusted or is not worth reading.
    init(connection: OpaquePointer, head: RequestHead, daemon: HTTPDaemon) {
        self.connection = connection
        self.descriptor = ttms_http_descriptor(connection)
        self.daemon = daemon
        self.head = head
        self.maximumBody = daemon.options.maximumBodyBytes
        self.admission = daemon.service.admit(head)
        let announced = head.contentLength ?? 0
        if case .accepted = self.admission, announced > self.maximumBody { self.refuseBody() }
        guard case .refused(let response, let isClosing) = self.admission else { return }
        if isClosing || head.expectsContinue || announced > self.drainLimit { self.send(response) }
    }

    private var drainLimit: Int { self.maximumBody.multipliedReportingOverflow(by: Self.drainFactor).partialValue }

    /// Takes a piece of the body.
    ///
    /// - Returns: `false` when the connection is not worth keeping.
    func receive(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        self.received += bytes.count
        if case .refused = self.admission { return self.received <= self.drainLimit }
        if self.received > self.maximumBody {
            self.refuseBody()
            self.body = []
        } else {
            self.body.append(contentsOf: bytes)
        }
        return true
    }

    /// Begins to carry the request out, or sends its answer.
    ///
    /// - Returns: `false` when the connection has to be closed.
    func respond() -> Bool {
        if case .ready(let response) = self.answer.withLock({ $0 }) { return self.send(response) }
        switch self.admission {
        case .refused(let response, _): return self.send(response)
        case .accepted(let handler):
            self.answer.withLock { $0 = .awaited }
            guard self.daemon.suspend(self) else { return self.send(self.problem(.stopping)) }
            self.start(handler)
            return true
        }
    }

    /// Stores the answer and resumes the connection, unless that has been done already.
    func finish(_ response: HTTPResponse) {
        let isFirst = self.answer.withLock { answer in
            guard case .awaited = answer else { return false }
            answer = .ready(response)
            return true
        }
        if isFirst { self.daemon.resume(self) } else { response.stream?.end() }
    }

    /// The library is done with this request.
    func complete() {
        if case .ready(let response) = self.answer.withLock({ $0 }) { response.stream?.end() }
        self.daemon.complete(self)
    }

    /// An answer to this request that is not its endpoint's.
    func problem(_ code: ProblemCode, detail: String? = nil) -> HTTPResponse {
        .problem(ProblemDetails(code, detail: detail), requestID: self.head.id)
    }

    private func start(_ handler: @escaping @Sendable ([UInt8]) async -> HTTPResponse) {
        let body = self.body
        self.body = []
        let deadline = self.daemon.options.requestDeadline
        let work = Task { self.finish(await handler(body)) }
        Task {
            let watch = Task {
                try await Task.sleep(for: deadline)
                work.cancel()
                self.finish(
                    self.problem(
                        .deadlineExceeded,
                        detail: "The relay has not finished within \(deadline). What was asked for may still be carried out."
                    )
                )
            }
            await work.value
            watch.cancel()
        }
    }

    private func refuseBody() {
        let detail = "A body may have \(self.maximumBody) bytes at the most."
        self.admission = .refused(self.problem(.bodyTooLarge, detail: detail))
    }

    @discardableResult
    private func send(_ response: HTTPResponse) -> Bool {
        let answer: OpaquePointer?
        if let stream = response.stream {
            let streaming = HTTPStreaming(stream, connection: self.connection, descriptor: self.descriptor, daemon: self.daemon)
            answer = streaming.makeResponse()
        } else {
            answer = response.body.withUnsafeBytes { ttms_http_response_create($0.baseAddress, $0.count) }
        }
        guard let answer else { return false }
        let identity = HTTPResponse.Header("X-Request-Id", self.head.id)
        for header in HTTPResponse.commonHeaders + [identity] + response.headers {
            if !ttms_http_response_add(answer, header.name, header.value) {
                self.daemon.logger.error("A header cannot be sent and is left out", metadata: ["header": "\(header.name)"])
            }
        }
        self.daemon.deadlines.restart(self.descriptor)
        return ttms_http_reply(self.connection, answer, UInt32(response.status))
    }
}
