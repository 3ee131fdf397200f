import AdminAPI
import FoundationEssentials

/// What operators have made, as JSON that people may look at.
extension KeptFile {
    /// Reads the file; `nil` when there is none.
    ///
    /// - Parameters:
    ///   - limit: more bytes than the file can have.
    ///   - name: what it is, as in "The tokens' file".
    ///   - withoutIt: what is the case when an operator deletes it. To start without it unasked would be worse than not to start.
    /// - Throws: ``AdminError``.
    func decoded<Contents: Decodable>(
        _ type: Contents.Type,
        limit: Int,
        name: String,
        withoutIt: String
    ) throws(AdminError) -> Contents? {
        do {
            guard let contents = try self.contents(limit: limit) else { return nil }
            return try JSONDecoder().decode(type, from: Data(contents))
        } catch let failure as Failure {
            throw AdminError("The \(name) file \(self.path) cannot be \(failure.verb): \(failure.reason).")
        } catch {
            throw AdminError(
                "The \(name) file \(self.path) is damaged: \(error). Put back a copy, or delete it: then \(withoutIt)."
            )
        }
    }

    /// Replaces the file. On disk when it returns.
    ///
    /// - Throws: ``ProblemDetails``, for whoever asked for the change.
    func replace(encoding contents: some Encodable) throws(ProblemDetails) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try self.replace(with: Array(try encoder.encode(contents)))
        } catch {
            let reason = (error as? Failure)?.reason ?? "\(error)"
            throw ProblemDetails(
                .storeUnavailable,
                detail: "The file \(self.name) cannot be written: \(reason). Nothing has changed. Make room, and try again."
            )
        }
    }
}
