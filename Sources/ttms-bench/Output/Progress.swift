import Foundation
import Glibc

/// Says on standard error how far a step is, and gives it up when it takes too long.
struct Progress: Sendable {
    /// Of what is going on, such as `relay: storm`.
    var title: String
    /// Nothing is printed when it is not wanted.
    var isQuiet = false

    private static let isTerminal = isatty(STDERR_FILENO) == 1
    private static let interval: Duration = Self.isTerminal ? .milliseconds(500) : .seconds(2)

    /// Does `body`, and meanwhile says what is counted.
    ///
    /// - Parameter limit: seconds after which the load is given up.
    /// - Throws: what `body` throws; ``LoadFailure`` when it was given up.
    func during<Value: Sendable>(
        _ step: String,
        of generator: Generator,
        limit: Double,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            let begin = LoadClock.now
            group.addTask { try await body() }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: Self.interval)
                    if Task.isCancelled { break }
                    let seconds = Double(LoadClock.now - begin) / 1e9
                    guard let counts = try? await generator.counts() else { break }
                    self.say("\(step), \(Int(seconds)) s: \(Self.line(counts))")
                    if seconds > limit {
                        await generator.fail(
                            LoadFailure("\(step) was not done within \(Int(limit)) s, and was given up: \(Self.line(counts))")
                        )
                    }
                }
                return nil
            }
            defer { group.cancelAll() }
            while let value = try await group.next() {
                if let value {
                    if Self.isTerminal, !self.isQuiet { Self.write("\r\u{1b}[K") }
                    return value
                }
            }
            throw CancellationError()
        }
    }

    private static func line(_ counts: LoadCounts) -> String {
        let parts = [
            ("sent", counts.sent), ("delivered", counts.delivered), ("stored", counts.stored), ("drained", counts.drained),
            ("served", counts.served),
            ("heartbeats", counts.heartbeats), ("to slow readers", counts.deliveredToSlow),
        ]
        let told = parts.filter { $0.1 > 0 }.map { "\($0.0) \(Quantity.count($0.1))" }
        return told.isEmpty ? "nothing yet" : told.joined(separator: ", ")
    }

    private func say(_ text: String) {
        guard !self.isQuiet else { return }
        Self.write(Self.isTerminal ? "\r\u{1b}[K\(self.title): \(text)" : "\(self.title): \(text)\n")
    }

    private static func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
