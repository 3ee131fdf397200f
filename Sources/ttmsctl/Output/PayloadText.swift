import AdminAPI

/// Payloads in a form for people. A payload may be any bytes, from any client. Characters that could move a cursor or hide
/// others are not shown as text.
enum PayloadText {
    /// The payload in quotes if it is visible text, otherwise its hex digits after `0x`.
    static func text(_ payload: some Collection<UInt8>) -> String {
        if let text = String(validating: payload, as: UTF8.self), Self.isVisible(text) { return "\"\(text)\"" }
        return "0x" + PayloadEncoding.hex.encode(payload).text
    }

    /// Whether a screen draws every character of `text`, without other effects.
    static func isVisible(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy(\.isVisible)
    }

    /// `text` with an escape, such as `\u{1b}`, for each character that a screen does not draw.
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
    /// Whether a screen draws this character, without other effects.
    fileprivate var isVisible: Bool {
        switch self.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}
