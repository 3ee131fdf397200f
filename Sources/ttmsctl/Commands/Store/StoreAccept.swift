import ArgumentParser
import RelayCore
import RelayStorage

/// Accepts the loss of a store.
struct StoreAccept: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept",
        abstract: "Accept the rest of a store whose end is missing, or may be.",
        discussion: """
            A relay does not start on a store that has lost the end of its log. Nor does it start if the file `committed`, \
            which records that end, is missing or damaged. Frames whose senders have receipts may be lost: this command \
            accepts that. The rest must not contradict itself; nothing else is changed. Copy the data directory first.
            """
    )

    @OptionGroup var store: StoreOptions

    func run() async throws {
        let result: InspectionResult
        do throws(StoreError) {
            result = try StoreAcceptance.accept(directory: self.store.path)
        } catch {
            throw Failure(StoreOptions.status(of: error.code), StoreOptions.message(error, path: self.store.path))
        }
        Console.write(
            """
            The store in \(self.store.path) is accepted as it is: it ends with commit \(result.commit), and has \
            \(result.totals.frames) frames queued for \(result.totals.terminals) terminals.
            """
        )
    }
}
