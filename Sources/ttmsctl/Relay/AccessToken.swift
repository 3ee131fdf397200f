import Foundation

/// The token for the admin API, and its origin.
struct AccessToken: Equatable, Sendable {
    /// The text that is sent after `Bearer`.
    var secret: String
    /// The file or environment variable that it was read from, for error texts.
    var origin: String

    /// The environment variable that may hold a token.
    static let variable = "TTMS_TOKEN"
    /// The largest number of bytes in a file with a token.
    private static let maximumSize = 4_096

    /// The token that was given explicitly: by `file`, or else by the environment.
    ///
    /// - Returns: `nil` when none was given.
    /// - Throws: a ``Failure`` when the file or the variable holds no token.
    static func given(file: String?, environment: [String: String]) throws(Failure) -> AccessToken? {
        if let file { return try self.read(file) }
        guard let text = environment[self.variable], !text.isEmpty else { return nil }
        return try self.parse(text, from: self.variable)
    }

    /// Reads the token in a file or a pipe, or on standard input (`-`).
    static func read(_ path: String) throws(Failure) -> AccessToken {
        let file = InputFile(path: path)
        let contents: [UInt8]
        do {
            contents = try file.contents(limit: self.maximumSize)
        } catch {
            let advice =
                error.isForbidden
                ? "Only the relay's user may read admin.token: run ttmsctl as that user, or name a copy with --token-file, or"
                : "Name a file that holds a token with --token-file, or"
            throw Failure(
                .noPermission,
                "The token in \(file.name) cannot be read: \(error.reason). \(advice) set \(self.variable)."
            )
        }
        return try self.parse(String(decoding: contents, as: UTF8.self), from: file.name)
    }

    private static func parse(_ text: String, from origin: String) throws(Failure) -> AccessToken {
        let secret = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !secret.isEmpty else { throw Failure(.noPermission, "\(origin) is empty: it has to hold a token.") }
        // Only bytes that an HTTP header can carry: a line break would begin another header.
        guard secret.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw Failure(
                .noPermission,
                "\(origin) does not hold a token: a token is one line of printable ASCII without spaces."
            )
        }
        return AccessToken(secret: secret, origin: origin)
    }
}
