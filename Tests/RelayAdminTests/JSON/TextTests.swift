import AdminAPI
import Foundation
import Testing

@testable import RelayAdmin

/// The small texts of the API: times, cursors, payloads, escapes, paths.
@Suite struct TextTests {
    @Test("times have milliseconds, and what RFC 3339 cannot say becomes the nearest that it can")
    func times() {
        let cases: [(Int64, String)] = [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_700_000_000_001, "2023-11-14T22:13:20.001Z"),
            (1_700_000_000_999, "2023-11-14T22:13:20.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (-1, "1970-01-01T00:00:00.000Z"),
            (.max, "9999-12-31T23:59:59.999Z"),
            (.min, "1970-01-01T00:00:00.000Z"),
        ]
        for (milliseconds, text) in cases { #expect(APITime.text(milliseconds: milliseconds) == text) }
        for milliseconds in Int64(1_700_000_000_000)..<1_700_000_001_000 {
            #expect(APITime.milliseconds(APITime.text(milliseconds: milliseconds)) == milliseconds)
        }
        #expect(APITime.milliseconds("yesterday") == nil)
        for (text, milliseconds): (String, Int64) in [
            ("2023-11-14T22:13:20Z", 1_700_000_000_000), ("2023-11-14t22:13:20.5z", 1_700_000_000_500),
            ("2023-11-14T22:13:20.000999999Z", 1_700_000_000_000), ("2023-11-14T23:43:20.07+01:30", 1_700_000_000_070),
            ("2023-11-14T22:12:20.001-00:01", 1_700_000_000_001), ("2023-11-15T22:02:20+23:49", 1_700_000_000_000),
            ("2023-11-13T22:14:20-23:59", 1_700_000_000_000),
        ] {
            #expect(APITime.milliseconds(text) == milliseconds, "\(text)")
        }
        for text in [
            "2023-11-14T22:13:20", "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20+0100", "2023-11-14", "1700000000",
            "2023-11-14T22:13:20+24:00", "2023-11-14T22:13:20-01:60", "2023-11-14T22:13:20+-1:00",
            "2026-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2023-04-31T00:00:00Z",
            "2023-00-01T00:00:00Z",
            "2023-13-01T00:00:00Z", "2023-01-00T00:00:00Z", "2023-01-01T24:00:00Z", "2023-01-01T00:60:00Z",
            "2023-01-01T00:00:60Z",
        ] {
            #expect(APITime.milliseconds(text) == nil, "\(text)")
        }
    }

    @Test("a cursor is read by the list that wrote it, and no other text is")
    func cursors() throws {
        let cursor = Cursor(list: "messages.0000002a", position: "18446744073709551615")
        #expect(cursor.text.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" })
        #expect(try Cursor(cursor.text, of: cursor.list) == cursor)
        let foreign = [
            "", "=", "A", "\(cursor.text)=", "\(cursor.text)\n", "x\(cursor.text)", String(cursor.text.dropLast()) + "!",
        ]
        for text in foreign {
            #expect(throws: Cursor.invalid) { try Cursor(text, of: cursor.list) }
        }
        #expect(throws: Cursor.invalid) { try Cursor(cursor.text, of: "messages.0000002b") }
    }

    @Test("payloads come back as they were", arguments: PayloadEncoding.allCases)
    func payloads(_ encoding: PayloadEncoding) throws {
        for payload in [[], Array(0...255), Array("text, é".utf8), [0]] as [[UInt8]] {
            let (text, actual) = encoding.encode(payload)
            #expect(actual.decode(text) == payload)
            #expect(actual == encoding || (encoding == .utf8 && actual == .base64))
        }
    }

    @Test("escapes are undone, and what is none is refused")
    func escapes() {
        #expect(PercentDecoding.decode("a%2Fb%c3%A9+") == "a/bé+")
        for text in ["%", "%a", "%g0", "%00", "%ff", "é", "%-1"] { #expect(PercentDecoding.decode(text) == nil, "\(text)") }
    }

    @Test("a value stays one segment of a path")
    func paths() {
        #expect(RoutePath.terminalMessages.path("0000002a") == "/api/v1/terminals/0000002a/messages")
        #expect(RoutePath.message.path("../x?y é") == "/api/v1/messages/..%2Fx%3Fy%20%C3%A9")
        #expect(RoutePath.status.path() == "/api/v1/status")
    }
}
