import RelayCore
import Testing

@testable import RelayServer

/// The register of journals, event by event; connections are names.
struct JournalRegisterTests {
    private func register() -> JournalRegister<String> {
        let register = JournalRegister<String>()
        register.began(1, on: "a", ends: [10, 30, 60])
        return register
    }

    @Test(
        "Given a journal of three frames, when bytes are acknowledged, then whole frames are delivered",
        arguments: [(9, 0, 0), (10, 1, 10), (29, 1, 10), (30, 2, 30), (59, 2, 30), (60, 3, 60), (1_000, 3, 60)]
    )
    func acknowledged(bytes: Int, frames: Int, end: Int) {
        let delivered = self.register().acknowledged(1, bytes: bytes)
        #expect(delivered?.frames ?? 0 == frames)
        #expect(delivered?.end ?? 0 == end)
    }

    @Test("Given frames that are delivered before the receipt, when it comes, then they are counted until then")
    func deliveredBeforeTheReceipt() {
        let register = self.register()
        register.delivered(1, frames: 2)
        #expect(register.deliveredFrames == 2)
        let journal = register.take(1)
        #expect(journal?.delivered == 2)
        #expect(journal?.connection == "a")
        #expect(register.deliveredFrames == 0)
        #expect(register.isEmpty)
    }

    @Test("Given a journal, when more of it is delivered, then frames are not counted twice")
    func deliveredTwice() {
        let register = self.register()
        register.delivered(1, frames: 1)
        register.delivered(1, frames: 3)
        #expect(register.deliveredFrames == 3)
    }

    @Test("Given no journal with that token, when a receipt comes, then it is somebody else's")
    func foreignReceipt() {
        let register = self.register()
        #expect(register.take(2) == nil)
        register.delivered(2, frames: 1)
        #expect(register.deliveredFrames == 0)
        #expect(register.acknowledged(2, bytes: 100) == nil)
        #expect(register.count == 1)
    }

    @Test("Given the id of the last frame, then the others' ids come before it, one by one")
    func marks() {
        let journal = Journal(connection: "a", ends: [10, 30, 60])
        let marks = journal.marks(upTo: MessageID(slot: 4, sequence: 9))
        #expect(marks.map(\.id.sequence) == [7, 8, 9])
        #expect(marks.map(\.end) == [10, 30, 60])
    }
}
