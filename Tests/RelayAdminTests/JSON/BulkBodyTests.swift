import AdminAPI
import Glibc
import Testing

@testable import RelayAdmin

/// What a body that asks for many sendings may cost, however wrong it is.
@Suite struct BulkBodyTests {
    private static func request(_ body: String) throws -> HTTPRequest {
        let head = RequestHead(
            method: "POST",
            target: RequestTarget("/api/v1/messages/bulk"),
            version: "HTTP/1.1",
            headers: [RequestHead.Field(name: "content-type", value: "application/json")],
            remoteAddress: "127.0.0.1"
        )
        return HTTPRequest(
            head: head,
            caller: nil,
            parameters: [:],
            query: try QueryParameters([], known: []),
            body: Array(body.utf8)
        )
    }

    /// What `work` takes of this thread's time on a processor, which others' load leaves as it is.
    private static func processorTime(_ work: () -> Void) -> Duration {
        func now() -> Duration {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
        }
        let start = now()
        work()
        return now() - start
    }

    @Test("too many messages are refused for little more than it takes to read them", arguments: ["0", "{}", "[]"])
    func countless(_ message: String) throws {
        let count = (1 << 16) / (message.utf8.count + 1)
        let body = "{\"messages\":[\(String(repeating: "\(message),", count: count - 1))\(message)]}"
        let request = try Self.request(body)
        let reading = Self.processorTime { _ = try? JSONParser.parse(request.body) }
        let refusing = Self.processorTime {
            do throws(ProblemDetails) {
                _ = try BulkBody.parse(request)
                Issue.record("It is taken.")
            } catch {
                #expect(error.errors?.map(\.pointer) == ["/messages"])
                #expect(error.detail.contains("contains \(count)."))
            }
        }
        #expect(refusing < reading * 2, "\(refusing) beside \(reading)")
    }

    @Test("a name that is as wide as the body is told in part, and once")
    func wideName() throws {
        let name = "~/" + String(repeating: "\u{301}", count: 10_000)
        let destinations = (1_000..<2_000).map { "\"0000\($0)\"" }.joined(separator: ",")
        let body = #"{"messages":[{"destinations":[\#(destinations)],"payload":"","payload_encoding":"hex","\#(name)":0}]}"#
        let sendings = try BulkBody.parse(try Self.request(body))
        let problems = sendings.compactMap(\.problem)
        let pointer = try #require(problems.first?.errors?.first?.pointer)
        #expect(Array(pointer.utf8) == Array("/messages/0/~0~1\(String(repeating: "\u{301}", count: 62))".utf8))
        #expect(problems.count == 1_000 && problems.dropFirst().allSatisfy { $0.errors == nil })
        #expect(problems.reduce(0) { $0 + $1.detail.utf8.count } < 200_000)
    }

    @Test("of very many flaws a message's problem has some")
    func countlessFlaws() throws {
        let fields = (0..<1_000).map { #""field\#($0)":0"# }.joined(separator: ",")
        let body = #"{"messages":[{"destinations":["00000001"],"payload":"","payload_encoding":"hex",\#(fields)}]}"#
        let problem = try #require(try BulkBody.parse(try Self.request(body)).first?.problem)
        #expect(problem.errors?.count == 16)
        #expect(problem.detail.hasSuffix("`errors` has 16 flaws."))
    }
}

extension BulkBody.Sending {
    /// Why nothing is sent; `nil` when something is.
    fileprivate var problem: ProblemDetails? {
        if case .failure(let problem) = self.injection { problem } else { nil }
    }
}
