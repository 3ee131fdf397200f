import TTMSProtocol
import TestKit

/// One step of a conversation. In the data it is an object whose fields are exactly those of one case:
///
///     {"connect": "a"}                                  a terminal connects; "listener": 1 for the second listener
///     {"send": "a", "hex": "24 54 …"}                   it sends one burst; a list of texts is a list of frames
///     {"receive": "a", "hex": "24 54 …"}                it receives exactly this, whatever came before has been received
///     {"closed": "a", "reason": "bad_header"}           the relay closes it without another byte, and counts the reason
///     {"finish": "a"}, {"reset": "a"}                   it says that it will send no more (FIN); it breaks off (RST)
///     {"pause": 200}                                    nothing is sent for so many milliseconds
///     {"relay": "restart"}, {"relay": "kill"}           the relay stops, or is killed, and starts again on the same data
///     {"terminal": "0000002a", "shows": {"state": …}}   the API comes to show these fields
///     {"metric": "ttms_…", "shows": 1}                  a metric comes to show this value
///     {"request": "DELETE /api/v1/…", "status": 204}    an operator asks; "json" is the body
enum Step: Sendable {
    case connect(String, listener: Int)
    case send(String, HexPattern)
    case receive(String, HexPattern)
    case closed(String, reason: String)
    case finish(String)
    case reset(String)
    case pause(milliseconds: Int)
    case relay(Restart)
    case terminal(CCID, shows: [String: JSONValue])
    case metric(String, shows: Double)
    case request(String, json: JSONValue?, status: Int)

    /// A terminal says or hears something.
    var isSaying: Bool {
        switch self {
        case .send, .receive: true
        default: false
        }
    }

    enum Restart: String, Decodable, Sendable {
        case restart
        case kill
    }
}

extension Step: Decodable {
    private enum Key: String, CodingKey, CaseIterable {
        case connect, listener, send, receive, hex, closed, reason, finish, reset, pause, relay, terminal, metric, shows
        case request, json, status
    }

    private struct AnyKey: CodingKey {
        let stringValue: String
        let intValue: Int? = nil
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        // A misspelt field must not be a condition that nobody checks.
        for key in try decoder.container(keyedBy: AnyKey.self).allKeys where Key(rawValue: key.stringValue) == nil {
            throw Self.corrupted(decoder, "a step has no field '\(key.stringValue)'")
        }
        let fields = try decoder.container(keyedBy: Key.self)
        if let name = try fields.decodeIfPresent(String.self, forKey: .connect) {
            self = .connect(name, listener: try fields.decodeIfPresent(Int.self, forKey: .listener) ?? 0)
        } else if let name = try fields.decodeIfPresent(String.self, forKey: .send) {
            self = .send(name, try fields.decode(HexPattern.self, forKey: .hex))
        } else if let name = try fields.decodeIfPresent(String.self, forKey: .receive) {
            self = .receive(name, try fields.decode(HexPattern.self, forKey: .hex))
        } else if let name = try fields.decodeIfPresent(String.self, forKey: .closed) {
            self = .closed(name, reason: try fields.decode(String.self, forKey: .reason))
        } else if let name = try fields.decodeIfPresent(String.self, forKey: .finish) {
            self = .finish(name)
        } else if let name = try fields.decodeIfPresent(String.self, forKey: .reset) {
            self = .reset(name)
        } else if let milliseconds = try fields.decodeIfPresent(Int.self, forKey: .pause) {
            self = .pause(milliseconds: milliseconds)
        } else if let restart = try fields.decodeIfPresent(Restart.self, forKey: .relay) {
            self = .relay(restart)
        } else if let ccid = try fields.decodeIfPresent(CCID.self, forKey: .terminal) {
            self = .terminal(ccid, shows: try fields.decode([String: JSONValue].self, forKey: .shows))
        } else if let metric = try fields.decodeIfPresent(String.self, forKey: .metric) {
            self = .metric(metric, shows: try fields.decode(Double.self, forKey: .shows))
        } else if let request = try fields.decodeIfPresent(String.self, forKey: .request) {
            let json = try fields.decodeIfPresent(JSONValue.self, forKey: .json)
            self = .request(request, json: json, status: try fields.decode(Int.self, forKey: .status))
        } else {
            throw Self.corrupted(decoder, "this is no step")
        }
    }

    private static func corrupted(_ decoder: any Decoder, _ what: String) -> DecodingError {
        DecodingError.dataCorrupted(DecodingError.Context(codingPath: decoder.codingPath, debugDescription: what))
    }
}
