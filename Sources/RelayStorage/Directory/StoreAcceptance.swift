import RelayCore

/// Accepts a store whose end is missing, or may be: from now on its present contents count as complete.
public enum StoreAcceptance {
    /// Lets the relay open the store in `directory` again.
    ///
    /// - Returns: the counts of the store.
    /// - Throws: ``StoreError``: `inUse` while a relay uses it; `missing`; `damaged` when the contents contradict themselves.
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
                "The rest of the store cannot be accepted, since it contradicts itself: "
                    + (result.findings.first?.message ?? "it has no checkpoint")
            )
        }
        try directory.accept(last: commit.number, at: commit.clock)
        return result
    }
}
