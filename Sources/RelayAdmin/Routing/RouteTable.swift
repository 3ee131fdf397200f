import AdminAPI
import RelayCore

/// All routes of the admin API. openapi/ttms-relay.yaml describes the same ones, and a test compares the two.
enum RouteTable {
    static func routes(
        _ operations: any RelayOperations,
        settings: any RelaySettings,
        access: AccessControl,
        events: EventHub,
        connections: ClientConnections
    ) -> [Route] {
        let events = EventEndpoints(hub: events, tokens: access.tokens)
        let status = StatusEndpoints(
            operations: operations,
            settings: settings,
            audit: access.audit,
            connections: connections
        )
        let terminals = TerminalEndpoints(operations: operations)
        let connections = ConnectionEndpoints(operations: operations)
        let messages = MessageEndpoints(operations: operations, blocks: access.blocks)
        let problems = InjectionProblems(settings: settings)
        let sending = SendingEndpoints(operations: operations, problems: problems)
        let bulk = BulkEndpoints(operations: operations, problems: problems)
        let traces = TraceEndpoints(operations: operations)
        return [
            Route(.get, .livez, .open, handler: status.livez),
            Route(.get, .readyz, .open, handler: status.readyz),
            Route(.get, .metrics, .openOnLoopback, handler: status.metrics),
            Route(.get, .status, .scope(.read), handler: status.status),
            Route(.post, .drain, .scope(.admin), handler: status.drain),
            Route(.get, .terminals, .scope(.read), query: TerminalEndpoints.filters + page, handler: terminals.list),
            Route(.get, .terminal, .scope(.read), handler: terminals.show),
            Route(.delete, .terminalConnection, .scope(.terminalsWrite), handler: terminals.disconnect),
            Route(.get, .connections, .scope(.read), query: ConnectionEndpoints.filters + page, handler: connections.list),
            Route(.get, .connection, .scope(.read), handler: connections.show),
            Route(.delete, .connection, .scope(.terminalsWrite), handler: connections.disconnect),
            Route(.get, .events, .scope(.read), query: ["types", "ccids"], handler: events.follow),
            Route(.get, .terminalMessages, .scope(.read), query: page + ["state", "payload_encoding"], handler: messages.list),
            Route(.delete, .terminalMessages, .scope(.messagesWrite), handler: messages.deleteAll),
            Route(
                .post,
                .terminalMessages,
                .scope(.messagesWrite),
                query: ["source", "time_to_live_seconds", "wait_ms", "preview"],
                takesBody: true,
                handler: sending.message
            ),
            Route(.get, .terminalTrace, .scope(.read), handler: traces.show),
            Route(.put, .terminalTrace, .scope(.terminalsWrite), takesBody: true, handler: traces.start),
            Route(.delete, .terminalTrace, .scope(.terminalsWrite), handler: traces.stop),
            Route(.post, .bulk, .scope(.messagesWrite), takesBody: true, handler: bulk.send),
            Route(.get, .message, .scope(.read), query: ["payload_encoding"], handler: messages.show),
            Route(.get, .messageWhy, .scope(.read), handler: messages.why),
            Route(.delete, .message, .scope(.messagesWrite), handler: messages.delete),
            Route(
                .post,
                .frames,
                .scope(.messagesWrite),
                query: ["source", "time_to_live_seconds"],
                takesBody: true,
                handler: sending.frames
            ),
        ] + Self.routes(settings, access) + Self.routes(access)
    }

    /// The routes for settings and the log level.
    private static func routes(_ settings: any RelaySettings, _ access: AccessControl) -> [Route] {
        let configuration = SettingEndpoints(settings: settings, access: access)
        let logLevel = LogLevelEndpoints(settings: settings)
        return [
            Route(.get, .config, .scope(.read), handler: configuration.list),
            Route(.post, .configValidate, .scope(.admin), takesBody: true, handler: configuration.validate),
            Route(.post, .configReload, .scope(.admin), handler: configuration.reload),
            Route(.get, .logLevel, .scope(.read), handler: logLevel.show),
            Route(.put, .logLevel, .scope(.admin), takesBody: true, handler: logLevel.set),
            Route(.delete, .logLevel, .scope(.admin), handler: logLevel.revert),
        ]
    }

    /// The routes for tokens, blocks and the audit log.
    private static func routes(_ access: AccessControl) -> [Route] {
        let tokens = TokenEndpoints(tokens: access.tokens)
        let blocks = BlockEndpoints(blocks: access.blocks)
        let audit = AuditEndpoints(audit: access.audit)
        return [
            Route(.get, .tokens, .scope(.admin), query: page, handler: tokens.list),
            Route(.post, .tokens, .scope(.admin), takesBody: true, handler: tokens.create),
            Route(.delete, .token, .scope(.admin), handler: tokens.revoke),
            Route(.get, .blocks, .scope(.read), query: page, handler: blocks.list),
            Route(.post, .blocks, .scope(.terminalsWrite), takesBody: true, handler: blocks.create),
            Route(.delete, .block, .scope(.terminalsWrite), handler: blocks.remove),
            Route(.get, .audit, .scope(.admin), query: ["token", "outcome", "since"] + page, handler: audit.list),
        ]
    }

    private static let page = ["limit", "cursor"]
}
