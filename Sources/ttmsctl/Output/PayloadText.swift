import AdminAPI

/// Payloads as people see them. They are any bytes, from anybody: what could move a cursor or hide a character is not shown as
/// text.
enum PayloadText {
    /// The text in quotes where the payload is one, hex digits behind `0x` otherwise.
    static func text(_ payload: some Collection<UInt8>) -> String {
        if let text = String(validating: payload, as: UTF8.self), Self.isVisible(text) { return "\"\(text)\"" }
        return "0x" + PayloadEncoding.hex.encode(payload).text
    }

    /// Whether a terminal shows all of `text`, and nothing else happens.
    static func isVisible(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy(\.isVisible)
    }

    /// `text` with everything that a terminal does not draw as an escape, such as `\u{1b}`.
    static func visible(_ text: String) -> String {
        if Self.isVisible(text) { return text }
        return text.unicodeScalars.reduce(into: "") { visible, scalar in
            if scalar.isVisible {
                visible.unicodeScalars.append(scalar)
            } else {
                visible += "\\u{\(String(scalar.value, radix: 16))}"
            }
        }
    }

    /// At most `width` characters of ``text(_:)``.
    static func excerpt(_ payload: some Collection<UInt8>, width: Int) -> String {
        let text = Self.text(payload)
        return text.count <= width ? text : text.prefix(width - 1) + "…"
    }
}

extension Unicode.Scalar {
    /// Whether a terminal draws something for it, and nothing else happens.
    fileprivate var isVisible: Bool {
        switch self.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}
