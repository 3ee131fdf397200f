/// The head of a request, copied out of the library's memory.
///
/// Bytes that are not UTF-8 are replaced by U+FFFD, which no relevant check accepts.
struct RequestHead: Sendable {
    /// A header, or a query parameter before its escapes are decoded.
    struct Field: Equatable, Sendable {
        /// The name; that of a header in lower case, as far as it is ASCII.
        var name: String
        /// `nil` for a query parameter without `=`.
        var value: String?
    }

    /// The request's id in the answer and in the log.
    let id: String
    /// The method as received.
    let method: String
    /// The host in the target, which takes precedence over the Host header; `nil` when there is none.
    let authority: String?
    /// The path as received, without the query.
    let path: String
    /// `HTTP/1.0` or `HTTP/1.1`.
    let version: String
    /// The headers in their order.
    let headers: [Field]
    /// The query parameters in their order.
    let query: [Field]
    /// Whether a header was continued on further lines, so that a proxy may read its name differently.
    let hasFoldedHeader: Bool
    /// Whether it had bytes that none of these texts contains: a zero, or a line without CRLF.
    let hasHiddenBytes: Bool
    /// The client's address without a port.
    let remoteAddress: String

    init(
        method: String,
        target: RequestTarget,
        version: String,
        headers: [Field],
        remoteAddress: String,
        hasFoldedHeader: Bool = false,
        hasHiddenBytes: Bool = false
    ) {
        self.method = method
        self.authority = target.authority
        self.path = target.path
        self.version = version
        self.headers = headers.map(Self.trimmed)
        self.query = target.query
        self.remoteAddress = remoteAddress
        self.hasFoldedHeader = hasFoldedHeader
        self.hasHiddenBytes = hasHiddenBytes
        self.id = Self.requestID(self.headers)
    }

    /// Removes white space around a value, which the library leaves at its end (RFC 9110, 5.5). Two headers are unchanged: the library
    /// itself reads them, and takes `chunked ` for another coding.
    private static func trimmed(_ field: Field) -> Field {
        guard let value = field.value, field.name != "transfer-encoding", field.name != "content-length" else { return field }
        let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        guard value.utf8.first.map(isBlank) == true || value.utf8.last.map(isBlank) == true else { return field }
        let bytes = value.utf8.drop(while: isBlank)
        let end = bytes.lastIndex { !isBlank($0) }.map { bytes.index(after: $0) } ?? bytes.startIndex
        return Field(name: field.name, value: String(bytes[..<end]))
    }

    /// All values of a header, whose name is given in lower case.
    func values(_ name: String) -> [String] {
        self.headers.filter { $0.name == name }.map { $0.value ?? "" }
    }

    /// The size of the body in bytes, or the largest number; `nil` when it is chunked or not given.
    var contentLength: Int? {
        self.values("content-length").first.map { Int($0) ?? .max }
    }

    /// Whether the client waits for a `100 Continue` before it sends the body.
    var expectsContinue: Bool {
        self.values("expect").contains { $0.lowercased() == "100-continue" }
    }

    /// Whether the client wants to reuse the connection after the answer.
    var wantsKeepAlive: Bool {
        let options = self.values("connection").flatMap { $0.split(separator: ",") }.map { option in
            String(option.filter { $0 != " " && $0 != "\t" }).asciiLowercased
        }
        return self.version == "HTTP/1.0" ? options.contains("keep-alive") : !options.contains("close")
    }

    /// The client's own id when it is safe in a header and in a log, otherwise a new one.
    private static func requestID(_ headers: [Field]) -> String {
        let given = headers.first { $0.name == "x-request-id" }?.value ?? ""
        let isHarmless = given.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        if (1...64).contains(given.utf8.count), isHarmless { return given }
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension String {
    /// The text with ASCII letters in lower case, and all others unchanged. `lowercased()` would convert the Kelvin sign to the
    /// ASCII k, and so make a token of a text that is none.
    var asciiLowercased: String {
        String(decoding: self.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }
}
