import CRocksDB
import Glibc
import RelayCore

/// Whether the store is where it was opened. Files that are open can be written to when nobody can find them any more.
extension RocksDBStore {
    /// Files that are looked for at a time, so that one look does not hold up the commits.
    private static let filesPerCheck = 500

    /// Whether what is written now can be found again.
    ///
    /// - Throws: ``StoreError/Code/displaced``.
    public func check() throws(StoreError) {
        self.missingFile =
            self.database.flatMap { $0.missingFile(&self.checkPosition, count: Self.filesPerCheck) } ?? self.stillMissing
        try self.checkPlace()
    }

    /// A file that was missing before, until it is back.
    private var stillMissing: String? {
        self.missingFile.flatMap { $0.hasSuffix("*.log") || access($0, F_OK) == 0 ? nil : $0 }
    }

    func checkPlace() throws(StoreError) {
        try self.directory.checkPlace()
        guard let missingFile else { return }
        throw StoreError(
            .displaced,
            """
            The file \(missingFile) of the store was removed while the relay works on it. What it holds can be delivered as long as \
            the relay runs; a start will find the store damaged. \(RocksDBFailure.advice(.displaced))
            """
        )
    }
}

extension Database {
    /// Looks for files that the database needs to be opened again, from number `position` on.
    ///
    /// - Returns: the path of one that is not there.
    fileprivate func missingFile(_ position: inout Int, count: Int) -> String? {
        guard let path = ttms_missing_file(self.handle, &position, count) else { return nil }
        defer { rocksdb_free(path) }
        return String(cString: path)
    }
}
