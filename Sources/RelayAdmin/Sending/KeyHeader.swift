import AdminAPI
import RelayCore
import TTMSProtocol

/// The header `Idempotency-Key`: a client's key for one sending (draft-ietf-httpapi-idempotency-key-header).
enum KeyHeader {
    /// The form of a key, for problems.
    static let expectation = "It has to be 1 to 255 printable ASCII characters."

    /// Whether a text is a key.
    static func isValid(_ key: String) -> Bool {
        (1...255).contains(key.utf8.count) && key.utf8.allSatisfy { (0x20...0x7e).contains($0) }
    }

    /// The key of a request; `nil` when it has none. Quotes around it, as in the draft, are optional, since most clients omit them.
    static func key(of request: HTTPRequest) throws(ProblemDetails) -> String? {
        let values = request.head.values("idempotency-key")
        guard var key = values.first else { return nil }
        if key.count > 1, key.hasPrefix("\""), key.hasSuffix("\"") { key = String(key.dropFirst().dropLast()) }
        guard values.count == 1, self.isValid(key) else {
            throw ProblemDetails(
                .invalidParameter,
                detail: "The header Idempotency-Key is wrong: \(self.expectation)",
                errors: [ProblemDetails.Flaw(pointer: "Idempotency-Key", detail: self.expectation)]
            )
        }
        return key
    }

    /// Refuses a request with a key where it has no effect, because its sender believes that it can be repeated safely.
    static func refuse(in request: HTTPRequest) throws(ProblemDetails) {
        guard !request.head.values("idempotency-key").isEmpty else { return }
        let detail = """
            It is for one message, and this path takes several. Omit it, or post to \(RoutePath.bulk.rawValue) with an \
            `idempotency_key` for each message.
            """
        throw ProblemDetails(
            .invalidParameter,
            detail: "Nothing was sent, because of the header Idempotency-Key: \(detail)",
            errors: [ProblemDetails.Flaw(pointer: "Idempotency-Key", detail: detail)]
        )
    }
}

extension IdempotencyKey {
    /// The key of a sending.
    ///
    /// - Parameter names: the token's id, so that clients do not share keys, and the client's own key.
    init(_ names: [String], of injection: Injection) {
        self.init(
            name: Array(names.joined(separator: "\u{0}").utf8),
            content: Self.digest(of: injection)
        )
    }

    /// Detects another sending under the same key by mistake: the payload's size, and a hash (FNV-1a) over all that is sent. It is no
    /// protection from forgery, because the token's owner may send anything.
    private static func digest(of injection: Injection) -> [UInt8] {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let numbers = [
            injection.source.rawValue, injection.destination.rawValue, injection.timeToLive == nil ? 0 : 1,
            injection.timeToLive ?? 0,
        ]
        for number in numbers { withUnsafeBytes(of: number.bigEndian) { $0.forEach(add) } }
        injection.payload.forEach(add)
        return withUnsafeBytes(of: hash.bigEndian) { Array($0) }
            + withUnsafeBytes(of: UInt32(clamping: injection.payload.count).bigEndian) { Array($0) }
    }
}
