import RelayCore
import TTMSProtocol

/// A read-only inspection of a store that no relay uses.
///
/// The records of all queues are compared with the frames that are found: two counts that ``RocksDBStore`` never compares,
/// since it counts without reading. The records are read by code of its own. ``RocksDBStore`` refuses at the first
/// contradiction; this continues after damage and finds all that is readable.
public final class StoreInspection {
    private let directory: StoreDirectory
    /// Outlives the database.
    private let options: DatabaseOptions
    private let database: Database

    /// Opens the store in `directory` for reading. No relay can open it as long as this object exists.
    ///
    /// - Throws: ``StoreError``: `inUse` while a relay uses it, `missing`, `newerFormat`, `damaged`, or a failure of the
    ///   disk.
    public init(directory: String) throws(StoreError) {
        self.directory = try StoreDirectory(inspecting: directory)
        self.options = try DatabaseOptions()
        self.database = try Database(
            path: self.directory.databasePath,
            creates: false,
            readsOnly: true,
            format: self.directory.inspectedFormat,
            options: self.options
        )
    }

    /// Reads the whole store, and returns its flaws.
    public func check() -> InspectionResult {
        self.messages { _ in }
    }

    /// Reads the messages in the queues, calls `body` with each, terminal by terminal in the order of delivery, and returns the
    /// flaws of what was read. Unreadable messages are left out.
    ///
    /// - Parameter ccid: only this terminal's messages; `nil` for all.
    /// - Throws: the error that `body` throws.
    public func messages<Failure: Error>(
        of ccid: CCID? = nil,
        _ body: (StoredMessage) throws(Failure) -> Void
    ) throws(Failure) -> InspectionResult {
        var result = InspectionResult()
        let records = RecordedState(of: self.database, in: self.directory, &result)
        let traces = RecordedTraces(of: self.database, &result)
        var scan = MessageScan(records, traces, result)
        guard let ccid else {
            try scan.read(0..<UInt64.max, of: self.database, body)
            return scan.finish(records.terminals.keys.sorted())
        }
        let slots = records.terminals.values.filter { $0.ccid == ccid }.map(\.slot).sorted()
        for slot in slots {
            let end = slot < MessageID.maximumSlot ? MessageID(slot: slot + 1, sequence: 0).rawValue : .max
            try scan.read(MessageID(slot: slot, sequence: 0).rawValue..<end, of: self.database, body)
        }
        return scan.finish(slots)
    }
}
