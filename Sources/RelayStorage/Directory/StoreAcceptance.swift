import RelayCore

/// Accepts a store whose end is missing, or cannot be shown not to be: what is left of it is all that there is, from here on.
public enum StoreAcceptance {
    /// Has the relay open the store in `directory` again.
    ///
    /// - Returns: what the store counts.
    /// - Throws: ``StoreError``: `inUse` while a relay has it; `missing`; `damaged` when what is left contradicts itself.
    public static func accept(directory path: String) throws(StoreError) -> InspectionResult {
        let directory = try StoreDirectory(accepting: path)
        let options = try DatabaseOptions()
        let database = try Database(
            path: directory.databasePath,
            creates: false,
            readsOnly: true,
            format: directory.inspectedFormat,
            options: options
        )
        var result = InspectionResult()
        let records = RecordedState(of: database, in: nil, &result)
        guard let commit = records.commit, result.isSound else {
            throw RocksDBFailure.damaged(
                "What is left of the store cannot be accepted, since it contradicts itself: "
                    + (result.findings.first?.message ?? "it has no checkpoint")
            )
        }
        try directory.accept(last: commit.number, at: commit.clock)
        return result
    }
}
