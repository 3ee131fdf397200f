import AdminAPI
import FoundationEssentials

// The state that operators have made, as readable JSON.
extension StateFile {
    /// The checksum of a file does not match its content.
    struct Damage: Error, CustomStringConvertible {
        let description = "its checksum does not match its content"
    }

    /// Reads the file; `nil` when there is none.
    ///
    /// - Parameters:
    ///   - limit: more bytes than the file can have.
    ///   - name: the owner of the file, as in "The tokens' file".
    ///   - inventory: knows whether the file has to exist.
    ///   - empty: the content with which an operator can start without the former one.
    ///   - withoutIt: the consequence of that. A start without the file, unless requested so, would be worse than none.
    /// - Throws: ``AdminError``.
    func decoded<Contents: Codable & Sendable>(
        _ type: Contents.Type,
        limit: Int,
        name: String,
        inventory: FileInventory,
        empty: String,
        withoutIt: String
    ) throws(AdminError) -> Contents? {
        let remedy = "Restore a copy, or write \(empty) into it: then \(withoutIt)."
        do {
            guard let contents = try self.sealed(type, limit: limit) else {
                guard inventory.holds(self.name) else { return nil }
                throw AdminError(
                    "The \(name) file \(self.path) is missing, but existed. Is this the right directory, and mounted? \(remedy)"
                )
            }
            return contents
        } catch let failure as Failure {
            throw AdminError("The \(name) file \(self.path) cannot be \(failure.verb): \(failure.reason).")
        } catch let error as AdminError {
            throw error
        } catch is Damage {
            throw AdminError(
                """
                The \(name) file \(self.path) is damaged, or was changed by hand: \(Damage()). If you have changed it, remove the member \
                "sha256". Otherwise: \(remedy)
                """
            )
        } catch {
            throw AdminError("The \(name) file \(self.path) is damaged: \(JSONFlaw.text(of: error)). \(remedy)")
        }
    }

    /// Reads a file with a checksum, or one of an earlier release without; `nil` when there is none.
    ///
    /// - Throws: ``Failure``, ``Damage``, or the decoder's error.
    func sealed<Contents: Codable & Sendable>(_ type: Contents.Type, limit: Int) throws -> Contents? {
        guard let bytes = try self.contents(limit: limit) else { return nil }
        let sealed = try JSONDecoder().decode(Sealed<Contents>.self, from: Data(bytes))
        guard sealed.isWhole else { throw Damage() }
        return sealed.contents
    }

    /// Encodes such a file. Its content consists of strings and numbers, and always encodes.
    static func json(_ contents: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(contents)).map { Array($0) } ?? []
    }

    /// Replaces the file, with a checksum. On disk when it returns.
    ///
    /// - Throws: ``ProblemDetails``, for the caller that requested the change.
    func replace(sealing contents: some Codable & Sendable, inventory: FileInventory) throws(ProblemDetails) {
        do throws(Failure) {
            try self.replace(with: Self.json(Sealed(contents)))
        } catch {
            throw ProblemDetails(
                .storeUnavailable,
                detail:
                    "The file \(self.path) cannot be \(error.verb): \(error.reason). Nothing has changed; correct the cause, and try again."
            )
        }
        inventory.add(self.name)
    }
}

extension Result {
    /// The failure; `nil` for a success.
    var failure: Failure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}
