/// A model that writes itself as JSON. Foundation's encoder boxes every value and builds a dictionary for every object, which was
/// most of the cost of a page. Frequently read models conform; all others are only `Encodable`.
///
/// A model writes the same bytes as Foundation's encoder: members in the order of their keys, and none for a `nil` that is not
/// ``Nullable``. A test compares the two.
public protocol JSONWritable {
    /// Writes the value.
    func write(to json: inout JSONWriter)
}

/// A writer of JSON into a growing buffer.
public struct JSONWriter: ~Copyable {
    /// The bytes written so far.
    public private(set) var bytes: [UInt8] = []
    /// Whether the open object or array has a member or an element.
    private var needsComma = false

    /// Makes an empty writer with a capacity in bytes.
    init(capacity: Int) {
        self.bytes.reserveCapacity(capacity)
    }

    // MARK: Containers

    /// Writes an object with the members that `body` writes.
    public mutating func object(_ body: (inout JSONWriter) -> Void) {
        self.enclose("{", "}", body)
    }

    /// Writes a member of the open object.
    public mutating func member(_ key: some CodingKey, _ value: some JSONWritable) {
        self.separate()
        // A key needs no escapes.
        var name = key.stringValue
        self.bytes.append(UInt8(ascii: "\""))
        name.withUTF8 { self.bytes.append(contentsOf: $0) }
        self.write(bare: "\":")
        value.write(to: &self)
    }

    /// Writes an array of values.
    public mutating func array(_ values: some Collection<some JSONWritable>) {
        self.enclose("[", "]") { json in
            let start = json.bytes.count
            for (index, value) in values.enumerated() {
                if index == Self.sample, values.count > 2 * Self.sample {
                    // The sample's average size, and an eighth more.
                    let expected = (json.bytes.count - start) * values.count / Self.sample
                    json.bytes.reserveCapacity(start + expected + expected / 8)
                }
                json.separate()
                value.write(to: &json)
            }
        }
    }

    /// The elements from which the size of a long list is estimated; more than nested lists have.
    private static let sample = 16

    private mutating func enclose(_ start: Unicode.Scalar, _ end: Unicode.Scalar, _ body: (inout JSONWriter) -> Void) {
        self.bytes.append(UInt8(ascii: start))
        self.needsComma = false
        body(&self)
        self.bytes.append(UInt8(ascii: end))
        self.needsComma = true
    }

    private mutating func separate() {
        if self.needsComma { self.bytes.append(UInt8(ascii: ",")) }
        self.needsComma = true
    }

    // MARK: Values

    /// Writes a word or a number that needs no escapes.
    mutating func write(bare text: StaticString) {
        self.bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func write(_ text: String) {
        var text = text
        self.bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { utf8 in
            var written = 0
            for (index, byte) in utf8.enumerated() where Self.isSpecial(byte) {
                self.bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[written..<index]))
                self.escape(byte)
                written = index + 1
            }
            self.bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[written...]))
        }
        self.bytes.append(UInt8(ascii: "\""))
    }

    mutating func write(_ number: some FixedWidthInteger) {
        // 64 bits have at most 20 digits.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var start = digits.count
            var rest = UInt64(number.magnitude)
            repeat {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if number < 0 { self.bytes.append(UInt8(ascii: "-")) }
            self.bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[start...]))
        }
    }

    /// Writes a number, without a fraction when it is whole, and as `null` when JSON cannot express it.
    mutating func write(_ number: Double) {
        guard number.isFinite else { return self.write(bare: "null") }
        let text = number.description.utf8
        self.bytes.append(contentsOf: text.suffix(2).elementsEqual(".0".utf8) ? text.dropLast(2) : text[...])
    }

    private static func isSpecial(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case 0x08: self.write(bare: "\\b")
        case 0x09: self.write(bare: "\\t")
        case 0x0a: self.write(bare: "\\n")
        case 0x0c: self.write(bare: "\\f")
        case 0x0d: self.write(bare: "\\r")
        case ..<0x20:
            self.write(bare: byte < 0x10 ? "\\u000" : "\\u001")
            self.bytes.append(contentsOf: String(byte & 0xf, radix: 16).utf8)
        default: self.bytes += [UInt8(ascii: "\\"), byte]
        }
    }
}

extension String: JSONWritable {
    /// Writes the text.
    public func write(to json: inout JSONWriter) { json.write(self) }
}

extension Bool: JSONWritable {
    /// Writes `true` or `false`.
    public func write(to json: inout JSONWriter) { json.write(bare: self ? "true" : "false") }
}

extension Int: JSONWritable {
    /// Writes the number.
    public func write(to json: inout JSONWriter) { json.write(self) }
}

extension Int64: JSONWritable {
    /// Writes the number.
    public func write(to json: inout JSONWriter) { json.write(self) }
}

extension UInt64: JSONWritable {
    /// Writes the number.
    public func write(to json: inout JSONWriter) { json.write(self) }
}

extension Double: JSONWritable {
    /// Writes the number.
    public func write(to json: inout JSONWriter) { json.write(self) }
}

extension Array: JSONWritable where Element: JSONWritable {
    /// Writes the elements.
    public func write(to json: inout JSONWriter) { json.array(self) }
}

extension Nullable: JSONWritable where Value: JSONWritable {
    /// Writes the value or `null`.
    public func write(to json: inout JSONWriter) {
        if let value = self.wrappedValue {
            value.write(to: &json)
        } else {
            json.write(bare: "null")
        }
    }
}

extension JSONWritable where Self: RawRepresentable<String> {
    /// Writes the raw value.
    public func write(to json: inout JSONWriter) { json.write(self.rawValue) }
}
