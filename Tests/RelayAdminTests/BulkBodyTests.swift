import AdminAPI
import Glibc
import Testing

@testable import RelayAdmin

/// What a body that asks for many sendings may cost, however wrong it is.
@Suite struct BulkBodyTests {
    private static func request(_ body: String) throws -> HTTPRequest {
        let head = RequestHead(
            method: "POST",
            path: "/api/v1/messages/bulk",
            version: "HTTP/1.1",
            headers: [RequestHead.Field(name: "content-type", value: "application/json")],
            query: [],
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
        let count = (1 << 20) / (message.utf8.count + 1) - 16
        let body = "{\"messages\":[\(String(repeating: "\(message),", count: count - 1))\(message)]}"
        let request = try Self.request(body)
        let reading = Self.processorTime { _ = try? JSONParser.parse(request.body) }
        let refusing = Self.processorTime {
            do throws(ProblemDetails) {
                _ = try BulkBody.parse(request)
                Issue.record("It is taken.")
            } catch {
                #expect(error.errors?.map(\.pointer) == ["/messages"])
                #expect(error.detail.contains("asks for \(count)."))
            }
        }
        #expect(refusing < reading * 2, "\(refusing) beside \(reading)")
    }
}
