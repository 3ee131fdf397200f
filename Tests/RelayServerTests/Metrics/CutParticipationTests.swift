import Testing

@testable import RelayServer

/// One event loop's part in counting the ledger: it counts once for each cut, and holds back what came after.
struct CutParticipationTests {
    @Test("Given a cut, when it is heard of again, then this event loop does not count twice")
    func once() {
        let cut = CutParticipation()
        #expect(cut.joins(1))
        cut.began(1)
        #expect(!cut.joins(1))
        #expect(cut.isOpen)
    }

    @Test("Given an open cut, when all have counted, then what has gathered since may follow, once")
    func ends() {
        let cut = CutParticipation()
        cut.began(1)
        #expect(cut.end(1))
        #expect(!cut.isOpen)
        #expect(!cut.end(1))
    }

    @Test("Given an open cut, when an older one ends late, then it stays open")
    func late() {
        let cut = CutParticipation()
        cut.began(1)
        _ = cut.end(1)
        cut.began(2)
        #expect(!cut.end(1))
        #expect(cut.isOpen)
        #expect(!cut.joins(1))
        #expect(cut.joins(3))
    }
}
