import AdminAPI
import CMicroHTTPD
import Logging
import Synchronization

/// One request and its answer.
///
/// `receive`, `respond` and the initializer run on the library's thread. In `respond` a task carries the request out. A request without
/// a body begins immediately on that thread, so that no other has to be woken, and may be answered at once.
///
/// When a task has to wait, the library requests the answer a second time, and only then the connection is suspended. If it were
/// suspended at the first time, the library would read from it at its resumption. It would then close it without an answer when the
/// client has sent its FIN after the request.
///
/// The daemon checks the task's deadline periodically. The task or the deadline, whichever is first, stores the answer and resumes the
/// connection; the library calls `respond` again, which sends the answer. The library's thread is never blocked, and no other thread
/// touches a connection that is not suspended.
///
/// Unchecked: `body`, `received`, `isReceiving` and `admission` belong to the library's thread; `answer` is locked; the rest is
/// constant.
final class HTTPExchange: @unchecked Sendable {
    private enum Answer {
        /// The request is being received, or has been refused.
        case none
        /// The task has begun; the library requests the answer once more before the connection is suspended.
        case begun(Task<Void, Never>, until: ContinuousClock.Instant)
        /// The connection is suspended; with the task that carries the request out.
        case awaited(Task<Void, Never>, until: ContinuousClock.Instant)
        /// The answer is stored, and the connection is not suspended.
        case ready(HTTPResponse)
    }

    /// The factor of the largest body up to which a larger one is read and discarded. Its client reads no answer before it has sent
    /// all.
    private static let drainFactor = 4

    let connection: OpaquePointer
    let descriptor: Int32
    private unowned let daemon: HTTPDaemon
    private let head: RequestHead
    private let maximumBody: Int
    private var admission: Admission
    private var received = 0
    private var isReceiving = true
    private var body: [UInt8] = []
    private let answer = Mutex(Answer.none)

    /// Checks the head of a request, and refuses it at once when its body cannot be delimited, or need not be read.
    init(connection: OpaquePointer, head: RequestHead, daemon: HTTPDaemon) {
        self.connection = connection
        self.descriptor = ttms_http_descriptor(connection)
        self.daemon = daemon
        self.head = head
        self.maximumBody = daemon.options.maximumBodyBytes
        self.admission = daemon.service.admit(head)
        let standing = daemon.service.standing(of: head)
        if !daemon.connections.receivedHead(self.descriptor, withToken: standing != .stranger), standing == .known {
            let detail = "As many requests as the relay takes are in progress. Try again when one of them has ended."
            self.admission = .refused(
                .problem(ProblemDetails(.tooManyConnections, detail: detail), requestID: head.id),
                closing: true
            )
        }
        let announced = head.contentLength ?? 0
        if case .accepted = self.admission, announced > self.maximumBody { self.refuseBody() }
        guard case .refused(let response, let isClosing) = self.admission else { return }
        if isClosing || head.expectsContinue || announced > self.drainLimit { self.send(response, isClosing: true) }
    }

    private var drainLimit: Int { self.maximumBody.multipliedReportingOverflow(by: Self.drainFactor).partialValue }

    /// Appends a piece of the body.
    ///
    /// - Returns: `false` when the connection has to be closed.
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

    /// Begins to carry out the request, or sends its answer.
    ///
    /// - Returns: `false` when the connection has to be closed.
    func respond() -> Bool {
        self.endReceiving()
        switch self.answer.withLock({ $0 }) {
        case .ready(let response): return self.send(response)
        case .begun:
            guard let response = self.suspend() else { return true }
            return self.send(response)
        case .none, .awaited: break
        }
        switch self.admission {
        case .refused(let response, _): return self.send(response)
        case .accepted(let handler):
            guard !self.daemon.isStopping else { return self.send(self.problem(.stopping)) }
            guard let response = self.start(handler) else { return true }
            return self.send(response)
        }
    }

    /// Stores the answer and resumes the connection, unless there is already an answer.
    func finish(_ response: HTTPResponse) {
        let (isFirst, isSuspended) = self.answer.withLock { answer in
            switch answer {
            case .ready: return (isFirst: false, isSuspended: false)
            // The task may finish before its beginning is recorded.
            case .none, .begun, .awaited:
                defer { answer = .ready(response) }
                if case .awaited = answer { return (isFirst: true, isSuspended: true) }
                return (isFirst: true, isSuspended: false)
            }
        }
        if !isFirst { response.stream?.end() }
        if isSuspended { self.daemon.resume(self) }
    }

    /// Ends the request, when the library has released it.
    func complete() {
        if case .ready(let response) = self.answer.withLock({ $0 }) { response.stream?.end() }
        self.endReceiving()
        self.daemon.complete(self)
    }

    private func endReceiving() {
        if self.isReceiving { self.daemon.received(self) }
        self.isReceiving = false
    }

    /// Makes an answer to this request that is not its endpoint's.
    func problem(_ code: ProblemCode, detail: String? = nil) -> HTTPResponse {
        .problem(ProblemDetails(code, detail: detail), requestID: self.head.id)
    }

    /// Starts a task that carries out the request.
    ///
    /// - Returns: the answer, if the task has already finished.
    private func start(_ handler: @escaping @Sendable ([UInt8]) async -> HTTPResponse) -> HTTPResponse? {
        let body = self.body
        self.body = []
        let deadline = ContinuousClock.now + self.daemon.options.requestDeadline
        let carryOut = { @Sendable in self.finish(await handler(body)) }
        // Parsing a body can take long, and other clients wait for this thread. Continuing after an event loop's answer takes less, and
        // happens on this thread only if the answer arrives before the task waits for it.
        let work = body.isEmpty ? Task.immediate(operation: carryOut) : Task(operation: carryOut)
        return self.answer.withLock { answer in
            if case .ready(let response) = answer { return response }
            answer = .begun(work, until: deadline)
            return nil
        }
    }

    /// Suspends the connection until the task has answered.
    ///
    /// - Returns: the answer, if there is one by now, or if the daemon stops meanwhile.
    private func suspend() -> HTTPResponse? {
        self.answer.withLock { answer in
            switch answer {
            case .none, .awaited: return nil
            case .ready(let response): return response
            case .begun(let work, let deadline):
                guard self.daemon.suspend(self) else {
                    let response = self.problem(.stopping, detail: HTTPDaemon.stopDetail)
                    answer = .ready(response)
                    return response
                }
                answer = .awaited(work, until: deadline)
                return nil
            }
        }
    }

    /// Cancels the request if it has exceeded its deadline.
    func expire(now: ContinuousClock.Instant) {
        guard case .awaited(let work, let deadline) = self.answer.withLock({ $0 }), deadline <= now else { return }
        work.cancel()
        let allowed = self.daemon.options.requestDeadline
        self.finish(
            self.problem(
                .deadlineExceeded,
                detail: "The relay has not finished within \(allowed). The request may still be carried out."
            )
        )
    }

    private func refuseBody() {
        let detail = "A body may have at most \(self.maximumBody) bytes."
        self.admission = .refused(self.problem(.bodyTooLarge, detail: detail))
    }

    @discardableResult
    private func send(_ response: HTTPResponse, isClosing: Bool = false) -> Bool {
        let answer: OpaquePointer?
        if let stream = response.stream {
            let streaming = HTTPStreaming(stream, connection: self.connection, descriptor: self.descriptor, daemon: self.daemon)
            answer = streaming.makeResponse()
        } else {
            answer = response.body.withUnsafeBytes { ttms_http_response_create($0.baseAddress, $0.count) }
        }
        guard let answer else { return false }
        var headers = HTTPResponse.commonHeaders + [HTTPResponse.Header("X-Request-Id", self.head.id)] + response.headers
        if isClosing || !RequestFraming.hasCertainEnd(self.head) {
            headers.append(HTTPResponse.Header("Connection", "close"))
        } else if self.head.wantsKeepAlive, ttms_http_response_announce_keep_alive(answer) {
            headers.append(HTTPResponse.Header("Keep-Alive", "timeout=\(self.daemon.options.clientTimeout.components.seconds)"))
        }
        for header in headers {
            if !ttms_http_response_add(answer, header.name, header.value) {
                self.daemon.logger.error("A header cannot be sent and is omitted", metadata: ["header": "\(header.name)"])
            }
        }
        self.daemon.connections.begin(.answer, self.descriptor)
        return ttms_http_reply(self.connection, answer, UInt32(response.status))
    }
}
