import AdminAPI
import CMicroHTTPD
import Logging
import Synchronization

/// One request and its answer.
///
/// `receive`, `respond` and the initializer run on the library's thread. In `respond` a task carries the request out. A read begins
/// there and then, so that no other thread has to be woken for it, and may be answered at once; where a task has to wait, the
/// library asks for the answer a second time, and then the connection is suspended: suspended at the first, it would be read when it is
/// resumed, and closed without an answer if the client has sent its FIN behind the request. The daemon looks now and then whether the
/// task is over its deadline, and whichever ends first stores the answer and resumes the connection; the library calls `respond` again, which sends it. Nothing blocks the library's thread, and
/// nothing but it touches the connection while it is not suspended.
///
/// Unchecked: `body`, `received`, `isReceiving` and `admission` belong to the library's thread; `answer` is locked; the rest is constant.
final class HTTPExchange: @unchecked Sendable {
    private enum Answer {
        /// The request is being received, or has been refused.
        case none
        /// The task has begun; the library asks for the answer once more before the connection is suspended.
        case begun(Task<Void, Never>, until: ContinuousClock.Instant)
        /// The connection is suspended; with the task that carries the request out.
        case awaited(Task<Void, Never>, until: ContinuousClock.Instant)
        /// It is there, and the connection is not suspended (any more).
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
    private var isReceiving = true
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
        let standing = daemon.service.standing(of: head)
        if !daemon.connections.asked(self.descriptor, withToken: standing != .stranger), standing == .known {
            let detail = "As many requests as the relay takes are being carried out. Try again when one of them is done."
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

    /// Stores the answer and resumes the connection, unless that has been done already.
    func finish(_ response: HTTPResponse) {
        let (isFirst, isSuspended) = self.answer.withLock { answer in
            switch answer {
            case .ready: return (isFirst: false, isSuspended: false)
            // The task may be done before its beginning is noted.
            case .none, .begun, .awaited:
                defer { answer = .ready(response) }
                if case .awaited = answer { return (isFirst: true, isSuspended: true) }
                return (isFirst: true, isSuspended: false)
            }
        }
        if !isFirst { response.stream?.end() }
        if isSuspended { self.daemon.resume(self) }
    }

    /// The library is done with this request.
    func complete() {
        if case .ready(let response) = self.answer.withLock({ $0 }) { response.stream?.end() }
        self.endReceiving()
        self.daemon.complete(self)
    }

    private func endReceiving() {
        if self.isReceiving { self.daemon.received(self) }
        self.isReceiving = false
    }

    /// An answer to this request that is not its endpoint's.
    func problem(_ code: ProblemCode, detail: String? = nil) -> HTTPResponse {
        .problem(ProblemDetails(code, detail: detail), requestID: self.head.id)
    }

    /// Has a task carry the request out.
    ///
    /// - Returns: the answer, if it is there already.
    private func start(_ handler: @escaping @Sendable ([UInt8]) async -> HTTPResponse) -> HTTPResponse? {
        let body = self.body
        self.body = []
        let deadline = ContinuousClock.now + self.daemon.options.requestDeadline
        let carryOut = { @Sendable in self.finish(await handler(body)) }
        // To read a body can take long, and others wait for this thread. To go on with what an event loop has answered takes less; that
        // happens here only if the answer is there before the task could wait for it.
        let work = body.isEmpty ? Task.immediate(operation: carryOut) : Task(operation: carryOut)
        return self.answer.withLock { answer in
            if case .ready(let response) = answer { return response }
            answer = .begun(work, until: deadline)
            return nil
        }
    }

    /// Suspends the connection until the task has answered.
    ///
    /// - Returns: the answer, if it is there by now, or if the daemon stops meanwhile.
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

    /// Gives up the request if it is over its deadline.
    func expire(now: ContinuousClock.Instant) {
        guard case .awaited(let work, let deadline) = self.answer.withLock({ $0 }), deadline <= now else { return }
        work.cancel()
        let allowed = self.daemon.options.requestDeadline
        self.finish(
            self.problem(
                .deadlineExceeded,
                detail: "The relay has not finished within \(allowed). What was asked for may still be carried out."
            )
        )
    }

    private func refuseBody() {
        let detail = "A body may have \(self.maximumBody) bytes at the most."
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
                self.daemon.logger.error("A header cannot be sent and is left out", metadata: ["header": "\(header.name)"])
            }
        }
        self.daemon.connections.begin(.answer, self.descriptor)
        return ttms_http_reply(self.connection, answer, UInt32(response.status))
    }
}
