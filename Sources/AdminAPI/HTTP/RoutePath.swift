/// Every path of the admin API, shared by the server's routes, the command line and the OpenAPI document.
///
/// The raw value is the template, with each parameter in braces.
public enum RoutePath: String, CaseIterable, Sendable {
    /// Whether the process answers.
    case livez = "/livez"
    /// Whether the relay can serve; a ``ReadinessResource``.
    case readyz = "/readyz"
    /// Prometheus text, or OpenMetrics.
    case metrics = "/metrics"
    /// The relay's summary; a ``StatusResource``.
    case status = "/api/v1/status"
    /// The drain: the relay writes what is not delivered to disk, and ends; a ``DrainReceipt``.
    case drain = "/api/v1/drain"
    /// Terminals, online and offline; a ``Page`` of ``TerminalResource``.
    case terminals = "/api/v1/terminals"
    /// One terminal; a ``TerminalResource``.
    case terminal = "/api/v1/terminals/{ccid}"
    /// One terminal's connection, for a kick.
    case terminalConnection = "/api/v1/terminals/{ccid}/connection"
    /// Connections, open and ended; a ``Page`` of ``ConnectionResource``.
    case connections = "/api/v1/connections"
    /// One connection; a ``ConnectionResource``.
    case connection = "/api/v1/connections/{id}"
    /// The relay's events, as Server-Sent Events, each an ``EventResource``.
    case events = "/api/v1/events"
    /// One terminal's messages, a ``Page`` of ``MessageResource``; takes a ``SendMessageRequest``.
    case terminalMessages = "/api/v1/terminals/{ccid}/messages"
    /// Whether a terminal's messages are traced; a ``TraceResource``; takes a ``TraceRequest``.
    case terminalTrace = "/api/v1/terminals/{ccid}/trace"
    /// Sends many messages; takes a ``BulkRequest``.
    case bulk = "/api/v1/messages/bulk"
    /// One message, stored or traced; a ``MessageResource``.
    case message = "/api/v1/messages/{id}"
    /// The reason of a message's state; a ``MessageExplanation``.
    case messageWhy = "/api/v1/messages/{id}/why"
    /// Sends raw frames.
    case frames = "/api/v1/frames"
    /// The API's tokens: a ``Page`` of ``TokenResource``; takes a ``CreateTokenRequest``.
    case tokens = "/api/v1/tokens"
    /// One token, for its revocation.
    case token = "/api/v1/tokens/{id}"
    /// Every setting in force; a ``List`` of ``SettingResource``.
    case config = "/api/v1/config"
    /// Checks the contents of a configuration file; a ``ConfigurationReceipt``.
    case configValidate = "/api/v1/config/validate"
    /// Reads the relay's configuration again; a ``ConfigurationReceipt``.
    case configReload = "/api/v1/config/reload"
    /// The level of the log; a ``LogLevelResource``.
    case logLevel = "/api/v1/log-level"
    /// The blocks: a ``Page`` of ``BlockResource``; takes a ``CreateBlockRequest``.
    case blocks = "/api/v1/blocks"
    /// One block, for its removal.
    case block = "/api/v1/blocks/{target}"
    /// The audit log; a ``Page`` of ``AuditResource``.
    case audit = "/api/v1/audit"

    /// The path with `values` in place of the parameters, in order, percent-encoded. A parameter without a value is unchanged,
    /// and a value without a parameter is ignored.
    public func path(_ values: String...) -> String {
        var rest = values[...]
        return self.rawValue.split(separator: "/").reduce(into: "") { path, segment in
            let value = segment.hasPrefix("{") ? rest.popFirst() : nil
            path += "/" + (value.map(Self.percentEncoded) ?? String(segment))
        }
    }

    /// Encodes all but RFC 3986's unreserved characters as `%XX`, so that a value remains one segment or one query value.
    public static func percentEncoded(_ value: String) -> String {
        value.utf8.reduce(into: "") { text, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                text += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
    }
}
