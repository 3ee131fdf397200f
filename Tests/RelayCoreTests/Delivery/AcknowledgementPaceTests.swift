import NIOCore
import RelayCore
import Testing

@Suite struct AcknowledgementPaceTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private static let shortest = TimeAmount.milliseconds(20)

    private func pace(roundTrip: Int) -> AcknowledgementPace {
        var pace = AcknowledgementPace()
        pace.measured(microseconds: roundTrip)
        return pace
    }

    private func next(_ pace: AcknowledgementPace, oldest: NIODeadline = start, now: NIODeadline = start) -> TimeAmount {
        pace.next(oldest: oldest, now: now, shortest: Self.shortest) - Self.start
    }

    @Test func theFirstSampleComesOneRoundTripAfterTheWrite() {
        #expect(self.next(self.pace(roundTrip: 200_000)) == .milliseconds(225))
        #expect(self.next(self.pace(roundTrip: 600_000)) == .milliseconds(675))
    }

    @Test(arguments: [-1, 0, 80, 5_000]) func nearOrUnknownPeerIsSampledAfterTheShortestTime(roundTrip: Int) {
        #expect(self.next(self.pace(roundTrip: roundTrip)) == Self.shortest)
    }

    @Test func samplesOfABusyConnectionAreHalfARoundTripApart() {
        var pace = self.pace(roundTrip: 200_000)
        pace.sampled(isProgress: true)
        let now = Self.start + .milliseconds(225)
        #expect(self.next(pace, oldest: Self.start + .milliseconds(50), now: now) == .milliseconds(325))
    }

    @Test func silentPeerIsSampledAtDoublingIntervals() {
        var pace = self.pace(roundTrip: 200_000)
        var intervals: [TimeAmount] = []
        for _ in 0..<6 {
            pace.sampled(isProgress: false)
            intervals.append(self.next(pace))
        }
        #expect(intervals == [100, 200, 400, 800, 1_000, 1_000].map { .milliseconds($0) })
        for _ in 0..<1_000 { pace.sampled(isProgress: false) }
        #expect(self.next(pace) == AcknowledgementPace.longestInterval)
        pace.sampled(isProgress: true)
        #expect(self.next(pace) == .milliseconds(225))
    }

    @Test func roundTripIsMeasuredFirstAfterAMissAndNowAndThen() {
        var pace = AcknowledgementPace()
        #expect(pace.isMeasurementDue)
        pace.measured(microseconds: 200_000)
        #expect(!pace.isMeasurementDue)
        pace.sampled(isProgress: false)
        #expect(pace.isMeasurementDue)
        pace.measured(microseconds: 300_000)
        pace.sampled(isProgress: true)
        #expect(!pace.isMeasurementDue)
        for _ in 0..<15 { pace.sampled(isProgress: true) }
        #expect(pace.isMeasurementDue)
    }

    @Test(
        "A peer's FIN leaves two round trips for what is in flight, between 200 ms and 2 s",
        arguments: [
            (-1, 200), (0, 200), (300, 200), (100_000, 200), (200_000, 400), (900_000, 1_800), (1_000_001, 2_000),
            (Int.max, 2_000),
        ]
    )
    func finishPatience(roundTrip: Int, milliseconds: Int) {
        #expect(self.pace(roundTrip: roundTrip).finishPatience == .milliseconds(Int64(milliseconds)))
    }

    @Test func peerOfUnknownDistanceHasTheShortestTimeAfterItsFIN() {
        #expect(AcknowledgementPace().finishPatience == .milliseconds(200))
    }

    @Test(arguments: [Int.min, Int.max]) func noMeasureIsTooLargeOrTooSmall(roundTrip: Int) {
        let pace = self.pace(roundTrip: roundTrip)
        #expect(pace.roundTrip >= .zero && pace.roundTrip <= .seconds(60))
        #expect(self.next(pace) > .zero)
    }

    @Test func bytesAreNotAcknowledgedBeforeARoundTrip() {
        let pace = self.pace(roundTrip: 200_000)
        #expect(!pace.canBeAcknowledged(writtenAt: Self.start, now: Self.start + .milliseconds(199)))
        #expect(pace.canBeAcknowledged(writtenAt: Self.start, now: Self.start + .milliseconds(200)))
        #expect(AcknowledgementPace().canBeAcknowledged(writtenAt: Self.start, now: Self.start))
    }
}
