import ArgumentParser
import RelayCore
import RelayStorage

/// Accepts what a store has lost.
struct StoreAccept: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept",
        abstract: "Accept what is left of a store whose end is missing, or may be.",
        discussion: """
            A relay does not start on a store that has lost the end of its log, or whose file `committed`, which would tell, is \
            missing or damaged: frames that senders were told are safe may be gone. This accepts that. What is left must not \
            contradict itself; nothing else is changed. Keep a copy of the data directory.
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
            The store in \(self.store.path) is accepted as it is: it ends with commit \(result.commit), and keeps \
            \(result.totals.frames) frames for \(result.totals.terminals) terminals.
            """
        )
    }
}
