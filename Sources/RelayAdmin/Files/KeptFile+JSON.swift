import AdminAPI
import FoundationEssentials

/// What operators have made, as JSON that people may look at.
extension KeptFile {
    /// Why a file with a checksum cannot be used.
    struct Damage: Error, CustomStringConvertible {
        let description = "its checksum does not fit what it holds"
    }

    /// Reads the file; `nil` when there is none.
    ///
    /// - Parameters:
    ///   - limit: more bytes than the file can have.
    ///   - name: what it is, as in "The tokens' file".
    ///   - inventory: knows whether there has to be one.
    ///   - empty: what an operator can write into it to do without what it held.
    ///   - withoutIt: what is the case then. To start without it unasked would be worse than not to start.
    /// - Throws: ``AdminError``.
    func decoded<Contents: Codable & Sendable>(
        _ type: Contents.Type,
        limit: Int,
        name: String,
        inventory: KeptInventory,
        empty: String,
        withoutIt: String
    ) throws(AdminError) -> Contents? {
        let remedy = "Put back a copy, or write \(empty) into it: then \(withoutIt)."
        do {
            guard let contents = try self.sealed(type, limit: limit) else {
                guard inventory.holds(self.name) else { return nil }
                throw AdminError(
                    "The \(name) file \(self.path) is missing, and there was one. Is this the right directory, and mounted? \(remedy)"
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
                The \(name) file \(self.path) is damaged, or was changed by hand: \(Damage()). If you have changed it, take the member \
                "sha256" out. Otherwise: \(remedy)
                """
            )
        } catch {
            throw AdminError("The \(name) file \(self.path) is damaged: \(JSONFlaw.text(of: error)). \(remedy)")
        }
    }

    /// Reads a file with a checksum, or one of a former release without; `nil` when there is none.
    ///
    /// - Throws: ``Failure``, ``Damage``, or what is wrong with the JSON.
    func sealed<Contents: Codable & Sendable>(_ type: Contents.Type, limit: Int) throws -> Contents? {
        guard let bytes = try self.contents(limit: limit) else { return nil }
        let sealed = try JSONDecoder().decode(Sealed<Contents>.self, from: Data(bytes))
        guard sealed.isWhole else { throw Damage() }
        return sealed.contents
    }

    /// The bytes of such a file. What is kept holds strings and numbers only, and always encodes.
    static func json(_ contents: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(contents)).map { Array($0) } ?? []
    }

    /// Replaces the file, with a checksum. On disk when it returns.
    ///
    /// - Throws: ``ProblemDetails``, for whoever asked for the change.
    func replace(sealing contents: some Codable & Sendable, inventory: KeptInventory) throws(ProblemDetails) {
        do throws(Failure) {
            try self.replace(with: Self.json(Sealed(contents)))
        } catch {
            throw ProblemDetails(
                .storeUnavailable,
                detail:
                    "The file \(self.path) cannot be \(error.verb): \(error.reason). Nothing has changed; try again when that is mended."
            )
        }
        inventory.add(self.name)
    }
}

extension Result {
    /// Why it failed; `nil` when it did not.
    var failure: Failure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}
