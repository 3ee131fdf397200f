import NIOCore
import RelayCore
import TTMSProtocol

/// A field of the configuration that a key sets.
typealias Field<Value> = WritableKeyPath<RelayConfiguration, Value> & Sendable

extension ConfigurationKey {
    /// A key with one value, which `parse` reads from its text.
    private static func single<Value>(
        _ name: String,
        _ field: any Field<Value>,
        allowed: String,
        help: String,
        show: @escaping @Sendable (Value) -> String,
        parse: @escaping @Sendable (String) -> Value?
    ) -> ConfigurationKey {
        ConfigurationKey(
            name: name,
            allowed: allowed,
            help: help,
            isList: false,
            read: { texts, configuration throws(InvalidValue) in
                guard texts.count == 1, let text = texts.first else { throw InvalidValue("it takes one value") }
                guard let value = parse(text) else { throw InvalidValue(text: text) }
                configuration[keyPath: field] = value
            },
            show: { show($0[keyPath: field]) }
        )
    }

    /// A whole number.
    static func count(_ name: String, _ field: any Field<Int>, _ range: ClosedRange<Int>, _ help: String) -> ConfigurationKey {
        .single(name, field, allowed: "\(range.lowerBound) to \(range.upperBound)", help: help, show: \.description) { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A number of bytes, with or without a unit.
    ///
    /// - Parameter zero: the meaning of 0; `nil` when 0 is not allowed.
    static func size(
        _ name: String,
        _ field: any Field<Int>,
        _ range: ClosedRange<Int>,
        zero: String? = nil,
        _ help: String
    ) -> ConfigurationKey {
        let bounds = "\(SizeText.text(range.lowerBound)) to \(SizeText.text(range.upperBound))"
        return .single(
            name,
            field,
            allowed: "\(bounds); units are B, KiB, MiB, GiB, TiB" + (zero.map { "; 0: \($0)" } ?? ""),
            help: help,
            show: SizeText.text
        ) { text in
            SizeText.bytes(text).flatMap { range.contains($0) || $0 == 0 && zero != nil ? $0 : nil }
        }
    }

    /// A time with its unit.
    ///
    /// - Parameters:
    ///   - zero: the meaning of 0; `nil` when 0 is not allowed.
    ///   - step: the unit of the interface that uses the value, which has to be a multiple of it.
    static func duration(
        _ name: String,
        _ field: any Field<TimeAmount>,
        _ range: ClosedRange<TimeAmount>,
        zero: String? = nil,
        step: TimeAmount = .milliseconds(1),
        _ help: String
    ) -> ConfigurationKey {
        let bounds = "\(DurationText.text(range.lowerBound)) to \(DurationText.text(range.upperBound))"
        let units = step == .seconds(1) ? "s, m, h, d" : "ms, s, m, h, d"
        return .single(
            name,
            field,
            allowed: "\(bounds), with a unit (\(units))" + (zero.map { "; 0: \($0)" } ?? ""),
            help: help,
            show: DurationText.text
        ) { text in
            guard let time = DurationText.time(text), time.nanoseconds % step.nanoseconds == 0 else { return nil }
            return range.contains(time) || time == .zero && zero != nil ? time : nil
        }
    }

    /// One word of an enumeration.
    static func choice<Value: RawRepresentable<String> & CaseIterable & SendableMetatype>(
        _ name: String,
        _ field: any Field<Value>,
        _ help: String
    ) -> ConfigurationKey {
        .single(
            name,
            field,
            allowed: Value.allCases.map(\.rawValue).joined(separator: ", "),
            help: help,
            show: \.rawValue,
            parse: { Value(rawValue: $0) }
        )
    }

    /// A dialect, or `learn`.
    static func dialect(_ name: String, _ field: any Field<LengthDialect?>, _ help: String) -> ConfigurationKey {
        .single(
            name,
            field,
            allowed: (["learn"] + LengthDialect.allCases.map(\.rawValue)).joined(separator: ", "),
            help: help,
            show: { $0?.rawValue ?? "learn" },
            parse: { text -> LengthDialect?? in
                if text == "learn" { return .some(nil) }
                return LengthDialect(rawValue: text).map(Optional.some)
            }
        )
    }

    /// A path.
    static func path(_ name: String, _ field: any Field<String>, _ help: String) -> ConfigurationKey {
        .single(name, field, allowed: "a path", help: help, show: \.self) { $0.isEmpty || $0.contains("\0") ? nil : $0 }
    }

    /// An address with its port.
    static func endpoint(_ name: String, _ field: any Field<Endpoint>, _ help: String) -> ConfigurationKey {
        .single(name, field, allowed: Endpoint.allowed, help: help, show: \.description, parse: Endpoint.init)
    }

    /// Something that is on or off. YAML reads both words as booleans, so those are taken, too.
    static func flag(_ name: String, _ field: any Field<Bool>, _ help: String) -> ConfigurationKey {
        .single(name, field, allowed: "on, off", help: help, show: { OnOff($0).rawValue }) { text in
            OnOff(rawValue: text)?.isOn ?? Bool(text)
        }
    }

    /// A time, 0, or `off`.
    static func journal(
        _ name: String,
        _ field: any Field<JournalOptions>,
        _ range: ClosedRange<TimeAmount>,
        _ help: String
    ) -> ConfigurationKey {
        .single(
            name,
            field,
            allowed:
                "\(DurationText.text(range.lowerBound)) to \(DurationText.text(range.upperBound)) after it was read, with a unit "
                + "(ms, s, m, h, d); 0: before it is forwarded; off: never",
            help: help,
            show: { journal in
                guard case .after(let time) = journal else { return "off" }
                return DurationText.text(time)
            },
            parse: { text -> JournalOptions? in
                // YAML reads a bare off as a boolean.
                if text == "off" || text == "false" { return .off }
                guard let time = DurationText.time(text), time.nanoseconds % 1_000_000 == 0 else { return nil }
                return range.contains(time) || time == .zero ? .after(time) : nil
            }
        )
    }

    /// Addresses with their ports, each with settings of its own.
    static func listeners(_ name: String, _ field: any Field<[ListenerSetting]>, _ help: String) -> ConfigurationKey {
        ConfigurationKey(
            name: name,
            allowed: ListenerSetting.allowed,
            help: help,
            isList: true,
            read: { texts, configuration throws(InvalidValue) in
                var listeners: [ListenerSetting] = []
                for text in texts {
                    guard let listener = ListenerSetting(text) else { throw InvalidValue(text: text) }
                    let isRepeated = listeners.contains {
                        listener.endpoint.port != 0 && $0.endpoint == listener.endpoint
                    }
                    guard !isRepeated else { throw InvalidValue("\"\(text)\" is in the list twice") }
                    listeners.append(listener)
                }
                guard !listeners.isEmpty else { throw InvalidValue("the list is empty") }
                configuration[keyPath: field] = listeners
            },
            show: { $0[keyPath: field].map(\.description).joined(separator: ", ") }
        )
    }
}
