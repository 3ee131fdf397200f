import RelayCore
import Testing

/// Which changes of a health the log shows.
@Suite struct HealthLogTests {
    private enum Health { case good, full, broken }

    private static let start = ContinuousClock.now

    private static func time(_ seconds: Int) -> ContinuousClock.Instant { Self.start + .seconds(seconds) }

    /// What the log shows of changes at their times, in seconds, with a look for a summary each second.
    private static func lines(_ changes: [(Int, Health)], until end: Int) -> [String] {
        var log = HealthLog<Health>(.good)
        var lines: [String] = []
        for second in 0...end {
            for (time, health) in changes where time == second {
                if log.change(to: health, at: Self.time(second)) { lines.append("\(second) \(health)") }
            }
            if let summary = log.takeSummary(at: Self.time(second)) {
                lines.append("\(second) \(summary.changes) changes, \(summary.health)")
            }
        }
        return lines
    }

    @Test func theFirstChangesAreLoggedAtOnce() {
        #expect(Self.lines([(3, .full), (4, .good)], until: 300) == ["3 full", "4 good"])
    }

    @Test func theSameHealthIsNoChange() {
        #expect(Self.lines([(0, .good), (1, .full), (2, .full), (70, .full)], until: 300) == ["1 full"])
    }

    @Test func anotherFailureIsLoggedAtOnce() {
        #expect(Self.lines([(1, .full), (2, .broken)], until: 300) == ["1 full", "2 broken"])
    }

    @Test func aHealthThatComesAndGoesIsSummarisedOnceAMinute() {
        let changes = (0..<200).map { ($0, $0.isMultiple(of: 2) ? Health.full : .good) }
        #expect(
            Self.lines(changes, until: 400) == [
                "0 full", "1 good", "61 60 changes, good", "121 60 changes, good", "181 60 changes, good",
                "241 18 changes, good",
            ]
        )
    }

    @Test func aChangeAfterAQuietMinuteIsLoggedAtOnce() {
        let changes: [(Int, Health)] = [(0, .full), (1, .good), (61, .full), (62, .good)]
        #expect(Self.lines(changes, until: 300) == ["0 full", "1 good", "61 full", "62 good"])
    }

    @Test func theLastWordIsTheTruth() {
        let changes: [(Int, Health)] = [(0, .full), (1, .good), (2, .full)]
        #expect(Self.lines(changes, until: 300) == ["0 full", "1 good", "61 1 changes, full"])
    }

    @Test func aLimitCountsWhatItHoldsBack() {
        var limit = LogLimit<Health>()
        #expect(limit.admit(.full, at: Self.time(0)) == 0)
        #expect(limit.admit(.full, at: Self.time(1)) == nil)
        #expect(limit.admit(.broken, at: Self.time(1)) == 0)
        #expect(limit.admit(.full, at: Self.time(59)) == nil)
        #expect(limit.admit(.full, at: Self.time(60)) == 2)
        #expect(limit.admit(.full, at: Self.time(120)) == 0)
    }
}
