/// Parses the JSON of a request strictly by RFC 8259 and RFC 7493: UTF-8 without a byte order mark, no repeated names in an object, no
/// single surrogates.
///
/// Foundation's decoder accepts UTF-16, trailing commas, and one of two members with the same name. A proxy that filters requests
/// might read the other one. Invariant: `position` never passes the end, and every loop advances it.
struct JSONParser {
    /// The reason for which a body is not JSON, and the place.
    struct Flaw: Error, Equatable {
        /// The line, from 1.
        var line: Int
        /// The byte in the line, from 1.
        var byte: Int
        var detail: String
    }

    /// The most nested objects and arrays: far more than any body of the API has, and far fewer than the stack allows.
    private static let maximumDepth = 32

    private let bytes: [UInt8]
    private var position = 0

    private init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// - Throws: ``Flaw``, the first one.
    static func parse(_ bytes: [UInt8]) throws(Flaw) -> JSONField {
        var parser = JSONParser(bytes)
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { throw parser.flaw("JSON begins without a byte order mark.") }
        do {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            parser.position = error.byteOffsets.lowerBound
            throw parser.flaw("These bytes are not UTF-8.")
        }
        let value = try parser.value(depth: 0)
        if parser.next != nil { throw parser.flaw("No bytes may follow the value.") }
        return value
    }

    private func flaw(_ detail: String) -> Flaw {
        let before = self.bytes.prefix(self.position)
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return Flaw(
            line: before.count { $0 == UInt8(ascii: "\n") } + 1,
            byte: self.position - start + 1,
            detail: self.position == self.bytes.count ? "The body ends here. \(detail)" : detail
        )
    }

    /// The current byte; `nil` at the end.
    private var byte: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    /// The first byte from here that is no blank; advances to it.
    private var next: UInt8? {
        mutating get {
            while let byte, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { self.position += 1 }
            return self.byte
        }
    }

    /// Advances over a byte, if it is the next one after blanks.
    private mutating func skip(_ expected: Unicode.Scalar) -> Bool {
        guard self.next == UInt8(ascii: expected) else { return false }
        self.position += 1
        return true
    }

    // MARK: Values

    private mutating func value(depth: Int) throws(Flaw) -> JSONField {
        switch self.next {
        case UInt8(ascii: "{"): return .object(try self.object(depth: depth))
        case UInt8(ascii: "["): return .list(try self.list(depth: depth))
        case UInt8(ascii: "\""): return .text(try self.text())
        case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return .number(try self.number())
        default:
            for (word, value) in [("true", JSONField.bool(true)), ("false", .bool(false)), ("null", .null)]
            where self.bytes[self.position...].starts(with: word.utf8) {
                self.position += word.utf8.count
                return value
            }
            throw self.flaw("A value has to be here.")
        }
    }

    private mutating func object(depth: Int) throws(Flaw) -> [String: JSONField] {
        try self.enter(depth)
        var members: [String: JSONField] = [:]
        if self.skip("}") { return members }
        repeat {
            guard self.next == UInt8(ascii: "\"") else { throw self.flaw("A name in double quotes has to be here.") }
            let start = self.position
            let name = try self.text()
            guard self.skip(":") else { throw self.flaw("A colon has to follow a name.") }
            let value = try self.value(depth: depth + 1)
            guard members.updateValue(value, forKey: name) == nil else {
                self.position = start
                throw self.flaw("This object already has the name.")
            }
        } while self.skip(",")
        guard self.skip("}") else { throw self.flaw("A comma or } has to follow a member.") }
        return members
    }

    private mutating func list(depth: Int) throws(Flaw) -> [JSONField] {
        try self.enter(depth)
        var items: [JSONField] = []
        if self.skip("]") { return items }
        repeat { items.append(try self.value(depth: depth + 1)) } while self.skip(",")
        guard self.skip("]") else { throw self.flaw("A comma or ] has to follow an element.") }
        return items
    }

    /// Advances over an opening bracket.
    private mutating func enter(_ depth: Int) throws(Flaw) {
        guard depth < Self.maximumDepth else { throw self.flaw("More than \(Self.maximumDepth) levels are not read.") }
        self.position += 1
    }

    // MARK: Numbers

    private mutating func number() throws(Flaw) -> Double {
        let start = self.position
        if self.byte == UInt8(ascii: "-") { self.position += 1 }
        let hasLeadingZero = self.byte == UInt8(ascii: "0")
        let wholeDigits = self.digits()
        var isNumber = wholeDigits == 1 || (wholeDigits > 1 && !hasLeadingZero)
        if self.byte == UInt8(ascii: ".") {
            self.position += 1
            isNumber = self.digits() > 0 && isNumber
        }
        if self.byte == UInt8(ascii: "e") || self.byte == UInt8(ascii: "E") {
            self.position += 1
            if self.byte == UInt8(ascii: "+") || self.byte == UInt8(ascii: "-") { self.position += 1 }
            isNumber = self.digits() > 0 && isNumber
        }
        guard isNumber, let number = Double(String(decoding: self.bytes[start..<self.position], as: UTF8.self)) else {
            self.position = start
            throw self.flaw("This is no JSON number.")
        }
        return number
    }

    private mutating func digits() -> Int {
        let start = self.position
        while let byte, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { self.position += 1 }
        return self.position - start
    }

    // MARK: Texts

    private mutating func text() throws(Flaw) -> String {
        self.position += 1
        var text: [UInt8] = []
        var start = self.position
        while let byte {
            switch byte {
            case UInt8(ascii: "\""):
                text += self.bytes[start..<self.position]
                self.position += 1
                // The whole body is UTF-8, and so is every escape.
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                text += self.bytes[start..<self.position]
                text += Array(String(try self.escape()).utf8)
                start = self.position
            case ..<0x20: throw self.flaw("A control character in a text has to be escaped.")
            default: self.position += 1
            }
        }
        throw self.flaw("A closing quote is missing.")
    }

    private mutating func escape() throws(Flaw) -> Unicode.Scalar {
        let start = self.position
        self.position += 1
        guard let letter = self.byte else { throw self.flaw("An escape has to follow \\.") }
        self.position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            if let scalar = self.codePoint() { return scalar }
            self.position = start
            throw self.flaw("4 hex digits have to follow \\u, and a surrogate has to be one of a pair.")
        default:
            self.position = start
            throw self.flaw("This escape does not exist.")
        }
    }

    /// Reads the digits after `\u`: one unit of UTF-16, or the first of two.
    private mutating func codePoint() -> Unicode.Scalar? {
        guard let unit = self.unit() else { return nil }
        guard UTF16.isLeadSurrogate(unit) else { return Unicode.Scalar(unit) }
        guard self.bytes[self.position...].starts(with: "\\u".utf8) else { return nil }
        self.position += 2
        guard let trail = self.unit(), UTF16.isTrailSurrogate(trail) else { return nil }
        return UTF16.decode(UTF16.EncodedScalar([unit, trail]))
    }

    private mutating func unit() -> UInt16? {
        let digits = self.bytes[self.position...].prefix(4)
        let values = digits.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        guard values.count == 4 else { return nil }
        self.position += 4
        return values.reduce(0) { $0 << 4 | UInt16($1) }
    }
}
