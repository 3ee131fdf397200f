import Foundation
import Glibc

/// Reports the progress of a step on standard error, and gives the step up when it takes too long.
struct Progress: Sendable {
    /// The server and the scenario, such as `relay: storm`.
    var title: String
    /// Whether nothing is printed.
    var isQuiet = false

    private static let isTerminal = isatty(STDERR_FILENO) == 1
    private static let interval: Duration = Self.isTerminal ? .milliseconds(500) : .seconds(2)

    /// Runs `body`, and reports the counts meanwhile.
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
                    self.report("\(step), \(Int(seconds)) s: \(Self.line(counts))")
                    if seconds > limit {
                        let counts = Self.line(counts)
                        await generator.fail(
                            LoadFailure("\(step) has not finished within \(Int(limit)) s, and is given up: \(counts)")
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
        let shown = parts.filter { $0.1 > 0 }.map { "\($0.0) \(Quantity.count($0.1))" }
        return shown.isEmpty ? "nothing yet" : shown.joined(separator: ", ")
    }

    private func report(_ text: String) {
        guard !self.isQuiet else { return }
        Self.write(Self.isTerminal ? "\r\u{1b}[K\(self.title): \(text)" : "\(self.title): \(text)\n")
    }

    private static func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
