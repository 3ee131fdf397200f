import Testing

@testable import RelayAdmin

/// The JSON of requests, by the letter.
@Suite struct JSONParserTests {
    @Test("what is JSON is read as what it is")
    func values() throws {
        let cases: [(String, JSONField)] = [
            ("null", .null), (" true\r\n", .bool(true)), ("\tfalse ", .bool(false)), ("0", .number(0)), ("-0", .number(0)),
            ("10", .number(10)), ("-1.50", .number(-1.5)), ("1e3", .number(1_000)), ("1E+3", .number(1_000)),
            ("25e-1", .number(2.5)),
            ("1e999", .number(.infinity)), ("\"\"", .text("")), ("[]", .list([])), ("{}", .object([:])), ("[ ]", .list([])),
            ("{ }", .object([:])), ("[1,[2],\"\"]", .list([.number(1), .list([.number(2)]), .text("")])),
            ("{\"a\":{\"a\":1} , \"b\":null}", .object(["a": .object(["a": .number(1)]), "b": .null])),
            (#""\"\\\/\b\f\n\r\t""#, .text("\"\\/\u{8}\u{c}\n\r\t")), (#""\u0041\u00e9\u20AC\u0000""#, .text("Aé€\u{0}")),
            (#""\ud83d\ude00 😀""#, .text("😀 😀")), ("\"\u{7f}\u{2028}\"", .text("\u{7f}\u{2028}")),
        ]
        for (text, value) in cases { #expect(try JSONParser.parse(Array(text.utf8)) == value, "\(text)") }
    }

    @Test(
        "what is not JSON is refused with its place",
        arguments: [
            ("", 1, 1), (" \n ", 2, 2), ("{", 1, 2), ("{} {}", 1, 4), ("[1,]", 1, 4), ("{\"a\":1,}", 1, 8), ("[,1]", 1, 2),
            ("[1 2]", 1, 4), ("{\"a\" 1}", 1, 6), ("{\"a\"}", 1, 5), ("{a:1}", 1, 2), ("{'a':1}", 1, 2), ("{1:1}", 1, 2),
            ("{\"a\":1,\n \"a\":2}", 2, 2), ("{\"a\":1,\"\\u0061\":2}", 1, 8), ("01", 1, 1), ("-", 1, 1), ("1.", 1, 1),
            (".5", 1, 1),
            ("+1", 1, 1), ("1e", 1, 1), ("0x10", 1, 2), ("NaN", 1, 1), ("Infinity", 1, 1), ("nul", 1, 1), ("True", 1, 1),
            ("\"", 1, 2), ("\"\\", 1, 3), ("\"\\x\"", 1, 2), ("\"\\u12\"", 1, 2), ("\"\\u12g4\"", 1, 2), ("\"\\ud800\"", 1, 2),
            ("\"\\udc00\"", 1, 2), ("\"\\ud800\\u0041\"", 1, 2), ("\"a\tb\"", 1, 3), ("\"a\nb\"", 1, 3), ("\u{feff}{}", 1, 1),
            ("/* */1", 1, 1), ("1//", 1, 2), ("{\"a\":1}\u{0}", 1, 8), (String(repeating: "[", count: 100_000), 1, 33),
            (String(repeating: "{\"\":", count: 100_000), 1, 129),
        ]
    )
    func flaws(_ text: String, _ line: Int, _ byte: Int) throws {
        let flaw = try #require(throws: JSONParser.Flaw.self) { try JSONParser.parse(Array(text.utf8)) }
        #expect(flaw.line == line && flaw.byte == byte, "\(text.prefix(40)): \(flaw)")
        #expect(flaw.detail.hasSuffix("."))
    }

    @Test(
        "other encodings are refused",
        arguments: [
            ([0xff, 0xfe, 0x7b, 0, 0x7d, 0], 1), ([0x7b, 0, 0x7d, 0], 2), ([0, 0x7b, 0, 0x7d], 1),
            ([0x22, 0xc3, 0x28, 0x22], 2),
            ([0x22, 0xed, 0xa0, 0x80, 0x22], 2), ([0x22, 0xc0, 0x80, 0x22], 2),
        ] as [([UInt8], Int)]
    )
    func encodings(_ bytes: [UInt8], _ place: Int) throws {
        let flaw = try #require(throws: JSONParser.Flaw.self) { try JSONParser.parse(bytes) }
        #expect(flaw.byte == place)
    }
}
