import RelayCore
import TTMSProtocol

/// An address that terminals connect to, with what is said for it alone: `0.0.0.0:7222?dialect=total&confirm=heartbeat`.
struct ListenerSetting: Equatable, Sendable {
    /// What may be written; goes on after "Allowed: ".
    static let allowed = """
        a list of one or more: \(Endpoint.allowed), with settings for this address alone behind it: ?dialect=NAME, confirm=NAME, \
        heartbeat_receipt=on or off, joined by &
        """

    var endpoint: Endpoint
    /// What is forced here; `nil` for the key `dialect`.
    var dialect: LengthDialect?
    /// `nil` for the key `confirm`.
    var confirm: Confirmation?
    /// `nil` for the key `heartbeat_receipt`.
    var givesReceipts: Bool?

    init(_ endpoint: Endpoint) {
        self.endpoint = endpoint
    }

    /// Reads the text of one list item; `nil` when it is none.
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

    /// With the keys that go for all addresses in place of what is not said here.
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
    /// As ``init(_:)`` reads it.
    var description: String {
        let settings = [
            self.dialect.map { "dialect=\($0.rawValue)" },
            self.confirm.map { "confirm=\($0.rawValue)" },
            self.givesReceipts.map { "heartbeat_receipt=\(OnOff($0).rawValue)" },
        ].compactMap(\.self)
        return self.endpoint.description + (settings.isEmpty ? "" : "?" + settings.joined(separator: "&"))
    }
}

/// A switch as people write it.
enum OnOff: String, CaseIterable {
    case on
    case off

    init(_ isOn: Bool) {
        self = isOn ? .on : .off
    }

    var isOn: Bool { self == .on }
}
