import RelayCore
import Synchronization

/// Settings whose every answer a test can decide.
final class FakeSettings: RelaySettings {
    struct State {
        var settings = [
            SettingSnapshot(key: "log_level", value: "info", source: "default", isReloadable: true),
            SettingSnapshot(key: "listen", value: "[::]:1", source: "a:7", isReloadable: false, pendingValue: "[::]:2"),
        ]
        /// What was given to be checked.
        var checked: [[UInt8]] = []
        var outcome: Result<SettingChanges, SettingFlaws> = .success(
            SettingChanges(changed: ["time_to_live"], needsRestart: ["listen"])
        )
        var level = LogLevelSnapshot(level: .info, configured: .info)
        var refusedReload: RefusedReload?
    }

    private let state = Mutex(State())

    /// Looks at the state, or changes it.
    func withState<Result>(_ body: (inout State) throws -> sending Result) rethrows -> sending Result {
        try self.state.withLock { try body(&$0) }
    }

    func settings() async -> [SettingSnapshot] {
        self.state.withLock { $0.settings }
    }

    func refusedReload() async -> RefusedReload? {
        self.state.withLock { $0.refusedReload }
    }

    func check(file: [UInt8]) async throws(SettingFlaws) -> SettingChanges {
        let outcome = self.state.withLock { state in
            state.checked.append(file)
            return state.outcome
        }
        return try outcome.get()
    }

    func reload() async throws -> SettingChanges {
        try self.state.withLock { $0.outcome }.get()
    }

    func logLevel() async -> LogLevelSnapshot {
        self.state.withLock { $0.level }
    }

    func setLogLevel(_ level: LogSeverity, seconds: UInt32) async -> LogLevelSnapshot {
        self.state.withLock { state in
            let end = Timestamp(microseconds: 1_700_000_000_000_000).advanced(bySeconds: Int64(seconds))
            state.level = LogLevelSnapshot(level: level, configured: .info, revertsAt: end)
            return state.level
        }
    }

    func revertLogLevel() async -> LogLevelSnapshot {
        self.state.withLock { state in
            state.level = LogLevelSnapshot(level: .info, configured: .info)
            return state.level
        }
    }
}
