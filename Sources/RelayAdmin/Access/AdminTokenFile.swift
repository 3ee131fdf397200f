import Logging

/// The file of the first token, which the relay makes on its first start: who can read it may do everything, and make tokens that
/// may do less. It holds the secret itself, since tools on this machine have it from there.
enum AdminTokenFile {
    /// Fewer characters than this are no secret; 32 hex digits hold 128 bits.
    private static let minimumLength = 32
    /// More bytes than this are not a token's file.
    private static let maximumSize = 4_096

    /// Characters of a token that the relay has made.
    private static let ownLength = 64

    /// Reads the token, or makes one when there is no file.
    ///
    /// - Parameter inventory: knows which token it held before.
    /// - Throws: ``AdminError``.
    static func secret(at path: String, inventory: KeptInventory, logger: Logger) throws(AdminError) -> TokenSecret {
        let file = KeptFile(path: path)
        do {
            if let contents = try file.contents(limit: Self.maximumSize) {
                let secret = try Self.secret(in: contents, of: file, logger: logger)
                try Self.compare(secret, contents, inventory, file, logger: logger)
                return secret
            }
            let secret = TokenSecret.random()
            try file.replace(with: Array((secret.text + "\n").utf8))
            if inventory.adminToken == nil {
                logger.notice("A new admin token was made", metadata: ["file": "\(path)"])
            } else {
                logger.warning(
                    "The admin token's file was missing, and a new token was made; whoever has the former one is refused",
                    metadata: ["file": "\(path)"]
                )
            }
            inventory.setAdminToken(secret.digest?.hex)
            return secret
        } catch let error as AdminError {
            throw error
        } catch let failure as KeptFile.Failure {
            throw AdminError("The admin token's file \(path) \(failure)")
        } catch {
            throw AdminError("The admin token's file \(path) cannot be used: \(KeptFile.reason(error)).")
        }
    }

    /// Sees to it that nobody is locked out unawares by a token that is not the one of before.
    private static func compare(
        _ secret: TokenSecret,
        _ contents: [UInt8],
        _ inventory: KeptInventory,
        _ file: KeptFile,
        logger: Logger
    ) throws(AdminError) {
        let digest = secret.digest?.hex
        guard let former = inventory.adminToken, former != digest else { return inventory.setAdminToken(digest) }
        let isHex = secret.text.utf8.allSatisfy { Character(UnicodeScalar($0)).isHexDigit }
        if isHex, secret.text.utf8.count < Self.ownLength, contents.last != UInt8(ascii: "\n") {
            throw AdminError(
                """
                The admin token in \(file.path) is not the one of before, and seems to have lost its end: it has \
                \(secret.text.utf8.count) hex digits and no line feed behind them. Put back a copy, or delete the file, and a new token \
                is made; to use it as it is, put a line feed behind it.
                """
            )
        }
        logger.warning(
            "The admin token is another one than before; whoever has the former one is refused",
            metadata: ["file": "\(file.path)"]
        )
        inventory.setAdminToken(digest)
    }

    private static func secret(
        in contents: [UInt8],
        of file: KeptFile,
        logger: Logger
    ) throws(AdminError) -> TokenSecret {
        let rights = file.rightsOfOthers
        if rights != 0 {
            logger.warning(
                "Other users can read the admin token; take the right from them with chmod 600",
                metadata: ["file": "\(file.path)", "rights": "\(String(rights, radix: 8))"]
            )
        }
        let text = String(decoding: contents, as: UTF8.self).trimmed
        guard text.utf8.count >= Self.minimumLength, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw AdminError(
                """
                The admin token in \(file.path) is not one: it has to be one line of at least \(Self.minimumLength) printable \
                characters. Delete the file, and a new token is made at the next start.
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
