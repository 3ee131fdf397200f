import Logging

/// The file of the admin token, which the relay creates on its first start. Its reader has all scopes, and can create tokens with
/// fewer. It contains the secret itself, because tools on this machine read it there.
enum AdminTokenFile {
    /// The fewest characters of a secret; 32 hex digits contain 128 bits.
    private static let minimumLength = 32
    /// The most bytes of a token's file.
    private static let maximumSize = 4_096

    /// Characters of a token that the relay has created.
    private static let ownLength = 64

    /// Reads the token, or creates one when there is no file.
    ///
    /// - Parameter inventory: has the digest of the former token.
    /// - Throws: ``AdminError``.
    static func secret(at path: String, inventory: FileInventory, logger: Logger) throws(AdminError) -> TokenSecret {
        let file = StateFile(path: path)
        do {
            if let contents = try file.contents(limit: Self.maximumSize) {
                let secret = try Self.secret(in: contents, of: file, logger: logger)
                try Self.compare(secret, contents, inventory, file, logger: logger)
                return secret
            }
            let secret = TokenSecret.random()
            try file.replace(with: Array((secret.text + "\n").utf8))
            if inventory.adminToken == nil {
                logger.notice("A new admin token was created", metadata: ["file": "\(path)"])
            } else {
                logger.warning(
                    "The admin token's file was missing, and a new token was created; requests with the former one are refused",
                    metadata: ["file": "\(path)"]
                )
            }
            inventory.setAdminToken(secret.digest?.hex)
            return secret
        } catch let error as AdminError {
            throw error
        } catch let failure as StateFile.Failure {
            throw AdminError("The admin token's file \(path) \(failure)")
        } catch {
            throw AdminError("The admin token's file \(path) cannot be used: \(StateFile.reason(error)).")
        }
    }

    /// Refuses a truncated token, and warns of another one, so that no operator is locked out without notice.
    private static func compare(
        _ secret: TokenSecret,
        _ contents: [UInt8],
        _ inventory: FileInventory,
        _ file: StateFile,
        logger: Logger
    ) throws(AdminError) {
        let digest = secret.digest?.hex
        guard let former = inventory.adminToken, former != digest else { return inventory.setAdminToken(digest) }
        let isHex = secret.text.utf8.allSatisfy { Character(UnicodeScalar($0)).isHexDigit }
        if isHex, secret.text.utf8.count < Self.ownLength, contents.last != UInt8(ascii: "\n") {
            throw AdminError(
                """
                The admin token in \(file.path) differs from the former one, and seems to be truncated: it has \
                \(secret.text.utf8.count) hex digits and no line feed after them. Restore a copy, or delete the file, and a new token \
                is created; to use it as it is, add a line feed after it.
                """
            )
        }
        logger.warning(
            "The admin token differs from the former one; requests with the former one are refused",
            metadata: ["file": "\(file.path)"]
        )
        inventory.setAdminToken(digest)
    }

    private static func secret(
        in contents: [UInt8],
        of file: StateFile,
        logger: Logger
    ) throws(AdminError) -> TokenSecret {
        let rights = file.rightsOfOthers
        if rights != 0 {
            logger.warning(
                "Other users can read the admin token; remove their rights with chmod 600",
                metadata: ["file": "\(file.path)", "rights": "\(String(rights, radix: 8))"]
            )
        }
        let text = String(decoding: contents, as: UTF8.self).trimmed
        guard text.utf8.count >= Self.minimumLength, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw AdminError(
                """
                The admin token in \(file.path) is not valid: it has to be one line of at least \(Self.minimumLength) printable \
                characters. Delete the file, and a new token is created at the next start.
                """
            )
        }
        return TokenSecret(text)
    }
}

extension String {
    fileprivate var trimmed: String {
        let isSpace = { (character: Character) in character.isWhitespace }
        let start = self.drop(while: isSpace)
        return String(start.reversed().drop(while: isSpace).reversed())
    }
}
