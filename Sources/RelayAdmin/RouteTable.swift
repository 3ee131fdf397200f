import AdminAPI
import RelayCore

/// Everything that the admin API answers. openapi/ttms-relay.yaml says the same, and a test compares the two.
enum RouteTable {
    static func routes(_ operations: any RelayOperations) -> [Route] {
        let status = StatusEndpoints(operations: operations)
        let terminals = TerminalEndpoints(operations: operations)
        let messages = MessageEndpoints(operations: operations)
        let sending = SendingEndpoints(operations: operations)
        let page = ["limit", "cursor"]
        return [
            Route(.get, .livez, .open, handler: status.livez),
            Route(.get, .readyz, .open, handler: status.readyz),
            Route(.get, .metrics, .openOnLoopback, handler: status.metrics),
            Route(.get, .status, .token, handler: status.status),
            Route(.post, .drain, .token, handler: status.drain),
            Route(.get, .terminals, .token, query: ["state", "prefix"] + page, handler: terminals.list),
            Route(.get, .terminal, .token, handler: terminals.show),
            Route(.delete, .terminalConnection, .token, handler: terminals.disconnect),
            Route(.get, .terminalMessages, .token, query: page + ["payload_encoding"], handler: messages.list),
            Route(.delete, .terminalMessages, .token, handler: messages.deleteAll),
            Route(.post, .terminalMessages, .token, query: ["source", "time_to_live_seconds"], handler: sending.message),
            Route(.get, .message, .token, query: ["payload_encoding"], handler: messages.show),
            Route(.delete, .message, .token, handler: messages.delete),
            Route(.post, .frames, .token, query: ["source", "time_to_live_seconds"], handler: sending.frames),
        ]
    }
}
