/// Every path that the admin API answers on: the words that the server's routes, the CLI and the OpenAPI document share.
///
/// The raw value is the template, with each parameter in braces.
public enum RoutePath: String, CaseIterable, Sendable {
    /// Whether the process answers at all.
    case livez = "/livez"
    /// Whether the relay can do its work; a ``ReadinessResource``.
    case readyz = "/readyz"
    /// Prometheus text, or OpenMetrics.
    case metrics = "/metrics"
    /// The relay at a glance; a ``StatusResource``.
    case status = "/api/v1/status"
    /// Where the relay is told to stop, with everything that is not delivered on disk; a ``DrainReceipt``.
    case drain = "/api/v1/drain"
    /// Terminals online and known; a ``Page`` of ``TerminalResource``.
    case terminals = "/api/v1/terminals"
    /// One terminal; a ``TerminalResource``.
    case terminal = "/api/v1/terminals/{ccid}"
    /// The connection of one terminal, to be closed.
    case terminalConnection = "/api/v1/terminals/{ccid}/connection"
    /// Connections, open and ended; a ``Page`` of ``ConnectionResource``.
    case connections = "/api/v1/connections"
    /// One connection; a ``ConnectionResource``.
    case connection = "/api/v1/connections/{id}"
    /// What happens in the relay, as Server-Sent Events, each an ``EventResource``.
    case events = "/api/v1/events"
    /// What is kept for one terminal, a ``Page`` of ``MessageResource``; and where a ``SendMessageRequest`` is posted.
    case terminalMessages = "/api/v1/terminals/{ccid}/messages"
    /// Whether a terminal's messages are traced; a ``TraceResource``, and where a ``TraceRequest`` is put.
    case terminalTrace = "/api/v1/terminals/{ccid}/trace"
    /// Where a ``BulkRequest`` is posted.
    case bulk = "/api/v1/messages/bulk"
    /// One message, kept or remembered; a ``MessageResource``.
    case message = "/api/v1/messages/{id}"
    /// Why a message is where it is; a ``MessageExplanation``.
    case messageWhy = "/api/v1/messages/{id}/why"
    /// Where raw frames are posted.
    case frames = "/api/v1/frames"
    /// Who may use the API: a ``Page`` of ``TokenResource``; and where a ``CreateTokenRequest`` is posted.
    case tokens = "/api/v1/tokens"
    /// One token, to be revoked.
    case token = "/api/v1/tokens/{id}"
    /// Every setting in force; a ``List`` of ``SettingResource``.
    case config = "/api/v1/config"
    /// Where the contents of a configuration file are posted to be checked; a ``ConfigurationReceipt``.
    case configValidate = "/api/v1/config/validate"
    /// Where the relay is told to read its configuration again; a ``ConfigurationReceipt``.
    case configReload = "/api/v1/config/reload"
    /// What is logged; a ``LogLevelResource``.
    case logLevel = "/api/v1/log-level"
    /// Who is shut out: a ``Page`` of ``BlockResource``; and where a ``CreateBlockRequest`` is posted.
    case blocks = "/api/v1/blocks"
    /// One block, to be removed.
    case block = "/api/v1/blocks/{target}"
    /// Who did what; a ``Page`` of ``AuditResource``.
    case audit = "/api/v1/audit"

    /// The path with `values` in the place of the parameters, in their order, percent-encoded. A parameter without a value
    /// stays as it is, and a value without a parameter is ignored.
    public func path(_ values: String...) -> String {
        var rest = values[...]
        return self.rawValue.split(separator: "/").reduce(into: "") { path, segment in
            let value = segment.hasPrefix("{") ? rest.popFirst() : nil
            path += "/" + (value.map(Self.percentEncoded) ?? String(segment))
        }
    }

    /// Everything but RFC 3986's unreserved characters as `%XX`, so that a value stays one segment, or one query value.
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
