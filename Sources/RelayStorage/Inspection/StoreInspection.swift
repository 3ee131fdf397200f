import RelayCore
import TTMSProtocol

/// A store that no relay has open, looked at without changing anything.
///
/// What the store's records say of every queue is held against what lies there: two countings that ``RocksDBStore`` never
/// compares, since it counts without reading. The records are read here once more and not by it, because it refuses at the first
/// contradiction, while this goes on behind damage and finds what can still be read.
public final class StoreInspection {
    private let directory: StoreDirectory
    /// Outlives the database.
    private let options: DatabaseOptions
    private let database: Database

    /// Opens the store in `directory` for reading. As long as this lives, no relay can open it.
    ///
    /// - Throws: ``StoreError``: `inUse` while a relay has it, `missing`, `newerFormat`, `damaged`, or what the disk says.
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

    /// Reads everything in the store, and says what is wrong with it.
    public func check() -> InspectionResult {
        self.messages { _ in }
    }

    /// Reads what is kept, calls `body` with each message, terminal by terminal in the order of delivery, and says what is wrong
    /// with what was read. What cannot be read is left out.
    ///
    /// - Parameter ccid: only this terminal's messages; `nil` for all.
    /// - Throws: what `body` throws.
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
