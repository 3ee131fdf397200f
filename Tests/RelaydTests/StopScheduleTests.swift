import Testing

@testable import ttms_relayd

struct StopScheduleTests {
    @Test("the stages of a stop share its limit, and a container does not kill what has the default one")
    func shares() {
        let begin = ContinuousClock.now
        let table: [(limit: Duration, grace: Duration, abandonment: Duration)] = [
            (RelayConfiguration().stopPatience, .seconds(2), .milliseconds(9_500)),
            (.seconds(1), .milliseconds(250), .seconds(5)),
            (.seconds(3_600), .seconds(2), .milliseconds(3_601_500)),
        ]
        for row in table {
            let schedule = StopSchedule(begin: begin, limit: row.limit)
            #expect(schedule.grace == row.grace)
            #expect(schedule.end == begin + row.limit)
            #expect(schedule.abandonment == begin + row.abandonment)
            #expect(schedule.grace * 2 <= row.limit)
        }
    }
}
