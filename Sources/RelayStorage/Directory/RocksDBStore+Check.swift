import CRocksDB
import Glibc
import RelayCore

/// The check that the store's files are still in place. An open file can be written to even after its removal.
extension RocksDBStore {
    /// Files that one check covers, so that it does not delay the commits.
    private static let filesPerCheck = 500

    /// Checks that data written now can be found again.
    ///
    /// - Throws: ``StoreError/Code/displaced``.
    public func check() throws(StoreError) {
        self.missingFile =
            self.database.flatMap { $0.missingFile(&self.checkPosition, count: Self.filesPerCheck) } ?? self.stillMissing
        try self.checkPlace()
    }

    /// The file that was found missing, until it exists again.
    private var stillMissing: String? {
        self.missingFile.flatMap { $0.hasSuffix("*.log") || access($0, F_OK) == 0 ? nil : $0 }
    }

    func checkPlace() throws(StoreError) {
        try self.directory.checkPlace()
        guard let missingFile else { return }
        throw StoreError(
            .displaced,
            """
            The file \(missingFile) of the store was removed while the relay uses it. Its frames can be delivered as long as \
            the relay runs; a start will find the store damaged. \(RocksDBFailure.advice(.displaced))
            """
        )
    }
}

extension Database {
    /// Checks the files that the database needs for its next opening, from number `position` on.
    ///
    /// - Returns: the path of a missing one.
    fileprivate func missingFile(_ position: inout Int, count: Int) -> String? {
        guard let path = ttms_missing_file(self.handle, &position, count) else { return nil }
        defer { rocksdb_free(path) }
        return String(cString: path)
    }
}
