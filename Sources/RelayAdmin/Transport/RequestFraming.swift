import AdminAPI

/// Refuses requests whose end two parsers may see at different places (request smuggling), and requests without or with two hosts.
///
/// libmicrohttpd 0.9.75 accepts all of these. It prefers chunked over a length, and takes the first of two lengths. It waits for ever
/// on an unknown coding. It takes `Content-Length :` for another header, and appends the second line of a header to its name. It ends a
/// line at a single CR, and ignores the bytes after a zero: `chunked\0x` is `chunked` to it.
enum RequestFraming {
    /// The problem of the head; `nil` when there is none. The connection has to be closed after the answer.
    static func problem(of head: RequestHead) -> ProblemDetails? {
        if head.hasFoldedHeader { return self.malformed("A header is continued on further lines.") }
        if head.hasHiddenBytes {
            return self.malformed("The head has a zero byte, a second space, or a line that does not end with CRLF.")
        }
        if self.hasSpace(head.path) || head.query.contains(where: { self.hasSpace($0.name) || self.hasSpace($0.value ?? "") }) {
            return self.malformed("The path or the query contains a space, which has to be written as %20.")
        }
        for field in head.headers {
            guard self.isToken(field.name) else { return self.malformed("A header's name is not a token.") }
            guard self.isFieldValue(field.value ?? "") else {
                return self.malformed("The header \(field.name) has a control character in its value.")
            }
        }
        return self.hostProblem(of: head) ?? self.bodyProblem(of: head)
    }

    /// Whether every parser sees the end of the request where the library does. If not, the connection has to be closed after the
    /// answer. The library ends the line of a chunk's size at a bare LF, and accepts any bytes in its extensions.
    static func hasCertainEnd(_ head: RequestHead) -> Bool { head.values("transfer-encoding").isEmpty }

    private static func hostProblem(of head: RequestHead) -> ProblemDetails? {
        let hosts = head.values("host")
        if hosts.count > 1 { return self.malformed("There is more than one Host header.") }
        if let authority = head.authority, authority.isEmpty || authority.utf8.contains(UInt8(ascii: "@")) {
            return self.malformed("The target contains no host, or also a user.")
        }
        if hosts.isEmpty, head.version != "HTTP/1.0" { return self.malformed("The Host header is missing.") }
        return nil
    }

    private static func bodyProblem(of head: RequestHead) -> ProblemDetails? {
        let lengths = head.values("content-length")
        let codings = head.values("transfer-encoding")
        if lengths.count > 1 { return self.malformed("There is more than one Content-Length header.") }
        if let length = lengths.first, !self.isLength(length) {
            return self.malformed("Content-Length is not a decimal number.")
        }
        guard let coding = codings.first else { return nil }
        if codings.count > 1 { return self.malformed("There is more than one Transfer-Encoding header.") }
        if !lengths.isEmpty { return self.malformed("There are both Content-Length and Transfer-Encoding.") }
        if head.version == "HTTP/1.0" { return self.malformed("HTTP/1.0 has no Transfer-Encoding.") }
        if coding.asciiLowercased != "chunked" {
            return ProblemDetails(.unsupportedTransferEncoding, detail: "Only `chunked` is supported.")
        }
        return nil
    }

    private static func malformed(_ detail: String) -> ProblemDetails {
        ProblemDetails(.malformedRequest, detail: detail)
    }

    private static func hasSpace(_ text: String) -> Bool { text.utf8.contains(UInt8(ascii: " ")) }

    /// RFC 9110, 5.6.2.
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    private static func isFieldValue(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 == UInt8(ascii: "\t") || ($0 >= 0x20 && $0 != 0x7f) }
    }

    /// Whether the text is any number of digits.
    private static func isLength(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}
