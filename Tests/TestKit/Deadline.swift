/// Something did not happen in time.
public struct DeadlineExceeded: Error, CustomStringConvertible {
    /// What was waited for, and what was there instead.
    public let description: String

    /// Makes an error that says what was waited for.
    public init(_ description: String) {
        self.description = description
    }
}

/// How long tests wait for what another process does: long enough for a machine that is busy with other things, because it is
/// spent only when a test fails.
public let patience: Duration = .seconds(60)

/// Asks `condition` again and again until it gives a value.
///
/// - Throws: ``DeadlineExceeded`` after ``patience``, with what `state` says then; what `condition` throws.
public func eventually<Value>(
    _ expectation: String,
    within limit: Duration = patience,
    isolation: isolated (any Actor)? = #isolation,
    state: () async -> String = { "" },
    _ condition: () async throws -> Value?
) async throws -> Value {
    let end = ContinuousClock.now + limit
    while true {
        if let value = try await condition() { return value }
        guard ContinuousClock.now < end else {
            let state = await state()
            throw DeadlineExceeded("not within \(limit): \(expectation)\(state.isEmpty ? "" : "; instead: \(state)")")
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}
