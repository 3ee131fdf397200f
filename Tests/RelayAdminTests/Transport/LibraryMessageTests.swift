import Testing

@testable import RelayAdmin

@Suite struct LibraryMessageTests {
    @Test("one message of each kind is heard a minute, with how many were not")
    func onceAMinute() {
        let messages = LibraryMessages()
        let start = ContinuousClock.now
        #expect(messages.admit(1, now: start) == 0)
        for second in 1..<60 { #expect(messages.admit(1, now: start + .seconds(second)) == nil) }
        #expect(messages.admit(2, now: start + .seconds(30)) == 0)
        #expect(messages.admit(1, now: start + .seconds(60)) == 59)
        #expect(messages.admit(1, now: start + .seconds(61)) == nil)
        #expect(messages.admit(2, now: start + .seconds(90)) == 0)
        #expect(messages.admit(1, now: start + .seconds(1_000)) == 1)
    }
}
