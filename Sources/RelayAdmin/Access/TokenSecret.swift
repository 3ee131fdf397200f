import AdminAPI
import CGnuTLS

/// The secret text of a token, which a client sends and the relay does not store.
struct TokenSecret: Equatable, Sendable {
    let text: String

    init(_ text: String) {
        self.text = text
    }

    /// Reads the secret in `Authorization: Bearer …`; `nil` for any other scheme.
    init?(authorization: String) {
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        self.text = String(parts[1].drop { $0 == " " })
    }

    /// A new secret of 256 random bits.
    static func random() -> TokenSecret {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return TokenSecret(PayloadEncoding.hex.encode(bytes).text)
    }

    /// The digest that is stored.
    ///
    /// A plain SHA-256: a guessable password needs a slow and salted hash, 256 random bits do not.
    var digest: TokenDigest? {
        TokenDigest(hashing: Array(self.text.utf8))
    }
}

/// The SHA-256 of a secret: 32 bytes.
struct TokenDigest: Equatable, Sendable {
    let bytes: [UInt8]

    /// Hashes bytes; `nil` when GnuTLS cannot compute SHA-256 here.
    init?(hashing bytes: [UInt8]) {
        var digest = [UInt8](repeating: 0, count: TTMS_DIGEST_SIZE)
        guard ttms_sha256(bytes, bytes.count, &digest) else { return nil }
        self.bytes = digest
    }

    /// Decodes 64 hex digits; `nil` for any other text.
    init?(hex: String) {
        guard let bytes = PayloadEncoding.hex.decode(hex), bytes.count == TTMS_DIGEST_SIZE else { return nil }
        self.bytes = bytes
    }

    /// The form that ``init(hex:)`` decodes.
    var hex: String { PayloadEncoding.hex.encode(self.bytes).text }

    /// Whether both are of the same secret, compared in a time that does not depend on the first difference.
    func isEqual(to other: TokenDigest) -> Bool {
        ttms_digests_are_equal(self.bytes, other.bytes)
    }
}
