import RelayCore
import TTMSProtocol

/// An address of a listener, with its own settings: `0.0.0.0:7222?dialect=total&confirm=heartbeat`.
struct ListenerSetting: Equatable, Sendable {
    /// The allowed values; continues the text after "Allowed: ".
    static let allowed = """
        a list of one or more: \(Endpoint.allowed), with settings of this address after it: ?dialect=NAME, confirm=NAME, \
        heartbeat_receipt=on or off, joined by &
        """

    var endpoint: Endpoint
    /// The dialect of this listener; `nil` for that of the key `dialect`.
    var dialect: LengthDialect?
    /// The confirmation of this listener; `nil` for that of the key `confirm`.
    var confirm: Confirmation?
    /// Whether heartbeats are receipts on this listener; `nil` for the key `heartbeat_receipt`.
    var givesReceipts: Bool?

    init(_ endpoint: Endpoint) {
        self.endpoint = endpoint
    }

    /// Reads the text of one list item; `nil` when the text is not one.
    init?(_ text: String) {
        let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first, let endpoint = Endpoint(String(address)) else { return nil }
        self.endpoint = endpoint
        guard parts.count == 2 else { return }
        for setting in parts[1].split(separator: "&", omittingEmptySubsequences: false) {
            let pair = setting.split(separator: "=", maxSplits: 1).map(String.init)
            guard pair.count == 2, self.set(pair[0], to: pair[1]) else { return nil }
        }
    }

    private mutating func set(_ name: String, to value: String) -> Bool {
        switch name {
        case "dialect" where self.dialect == nil: self.dialect = LengthDialect(rawValue: value)
        case "confirm" where self.confirm == nil: self.confirm = Confirmation(rawValue: value)
        case "heartbeat_receipt" where self.givesReceipts == nil: self.givesReceipts = OnOff(rawValue: value)?.isOn
        default: return false
        }
        return name == "dialect" ? self.dialect != nil : name == "confirm" ? self.confirm != nil : self.givesReceipts != nil
    }

    /// The listener's options, with the general settings in place of those that it does not have.
    func options(dialect: LengthDialect?, confirm: Confirmation, givesReceipts: Bool) -> ListenerOptions {
        ListenerOptions(
            host: self.endpoint.host,
            port: self.endpoint.port,
            dialect: self.dialect ?? dialect,
            confirm: self.confirm ?? confirm,
            givesReceipts: self.givesReceipts ?? givesReceipts
        )
    }
}

extension ListenerSetting: CustomStringConvertible {
    /// The text that ``init(_:)`` reads.
    var description: String {
        let settings = [
            self.dialect.map { "dialect=\($0.rawValue)" },
            self.confirm.map { "confirm=\($0.rawValue)" },
            self.givesReceipts.map { "heartbeat_receipt=\(OnOff($0).rawValue)" },
        ].compactMap(\.self)
        return self.endpoint.description + (settings.isEmpty ? "" : "?" + settings.joined(separator: "&"))
    }
}

/// A switch as operators write it.
enum OnOff: String, CaseIterable {
    case on
    case off

    init(_ isOn: Bool) {
        self = isOn ? .on : .off
    }

    var isOn: Bool { self == .on }
}
