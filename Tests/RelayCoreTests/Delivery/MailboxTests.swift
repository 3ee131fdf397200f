import RelayCore
import Testing

/// Every (state, event) pair of ``Mailbox``: states are reached by events alone, as they are in the relay.
@Suite struct MailboxTests {
    enum Event: String, CaseIterable {
        case attached, detached, spill, finish, empty, more, emptyAfterAppend, stale, failed
    }

    /// A mailbox in `mode`, with a read outstanding (token) where that mode has one.
    private func mailbox(_ mode: Mailbox.Mode) -> (Mailbox, token: UInt64) {
        var mailbox = Mailbox()
        var token: UInt64 = 0
        switch mode {
        case .offline: break
        case .catchingUp:
            mailbox.attached()
            token = mailbox.readIfDue(submission: 1) ?? 0
        case .draining:
            mailbox.attached()
            token = mailbox.readIfDue(submission: 1) ?? 0
            _ = mailbox.readCompleted(token: token, hasMore: true)
            token = mailbox.readIfDue(submission: 2) ?? 0
        case .live:
            mailbox.attached()
            _ = mailbox.readCompleted(token: mailbox.readIfDue(submission: 1) ?? 0, hasMore: false)
        case .finishing:
            mailbox.attached()
            token = mailbox.readIfDue(submission: 1) ?? 0
            mailbox.finish()
        }
        #expect(mailbox.mode == mode)
        return (mailbox, token)
    }

    private func apply(_ event: Event, to mailbox: inout Mailbox, token: UInt64) {
        switch event {
        case .attached: mailbox.attached()
        case .detached: mailbox.detached()
        case .spill: mailbox.spill()
        case .finish: mailbox.finish()
        case .empty: _ = mailbox.readCompleted(token: token, hasMore: false)
        case .more: _ = mailbox.readCompleted(token: token, hasMore: true)
        case .emptyAfterAppend:
            mailbox.appended(in: 9)
            _ = mailbox.readCompleted(token: token, hasMore: false)
        case .stale: _ = mailbox.readCompleted(token: token + 7, hasMore: false)
        case .failed: mailbox.readFailed(token: token)
        }
    }

    /// Rows: the state before; columns: the event; cells: the state after.
    static let table: [(Mailbox.Mode, [(Event, Mailbox.Mode)])] = [
        (
            .offline,
            [
                (.attached, .catchingUp), (.detached, .offline), (.spill, .offline), (.finish, .offline), (.empty, .offline),
                (.more, .offline),
                (.emptyAfterAppend, .offline), (.stale, .offline), (.failed, .offline),
            ]
        ),
        (
            .catchingUp,
            [
                (.attached, .catchingUp), (.detached, .offline), (.spill, .draining), (.finish, .finishing), (.empty, .live),
                (.more, .draining),
                (.emptyAfterAppend, .catchingUp), (.stale, .catchingUp), (.failed, .catchingUp),
            ]
        ),
        (
            .draining,
            [
                (.attached, .catchingUp), (.detached, .offline), (.spill, .draining), (.finish, .finishing), (.empty, .live),
                (.more, .draining),
                (.emptyAfterAppend, .catchingUp), (.stale, .draining), (.failed, .draining),
            ]
        ),
        (
            .live,
            [
                (.attached, .catchingUp), (.detached, .offline), (.spill, .draining), (.finish, .finishing), (.empty, .live),
                (.more, .live),
                (.emptyAfterAppend, .live), (.stale, .live), (.failed, .live),
            ]
        ),
        (
            .finishing,
            [
                (.attached, .catchingUp), (.detached, .offline), (.spill, .finishing), (.finish, .finishing),
                (.empty, .finishing), (.more, .finishing), (.emptyAfterAppend, .finishing), (.stale, .finishing),
                (.failed, .finishing),
            ]
        ),
    ]

    @Test func everyPairIsInTheTable() {
        #expect(Self.table.count == 5)
        for (_, row) in Self.table { #expect(Set(row.map(\.0)) == Set(Event.allCases)) }
    }

    @Test(arguments: Self.table.flatMap { state, row in row.map { (state, $0.0, $0.1) } })
    func transition(before: Mailbox.Mode, event: Event, after: Mailbox.Mode) {
        var (mailbox, token) = self.mailbox(before)
        self.apply(event, to: &mailbox, token: token)
        #expect(mailbox.mode == after)
    }

    @Test(arguments: [
        (Mailbox.Mode.offline, Mailbox.Placement.store), (.catchingUp, .held), (.draining, .store), (.live, .live),
        (.finishing, .store),
    ])
    func placement(mode: Mailbox.Mode, placement: Mailbox.Placement) {
        #expect(self.mailbox(mode).0.placement == placement)
    }

    @Test(arguments: [
        (isEmpty: true, isWriteThrough: false, isSettled: true, mode: Mailbox.Mode.live),
        (false, false, true, .catchingUp),
        (true, true, true, .draining),
        (true, false, false, .catchingUp),
    ])
    func theStoreIsNotAskedWhenItIsKnownToKeepNothing(
        isEmpty: Bool,
        isWriteThrough: Bool,
        isSettled: Bool,
        mode: Mailbox.Mode
    ) {
        var mailbox = Mailbox(isWriteThrough: isWriteThrough)
        if !isSettled {
            mailbox.attached()
            _ = mailbox.readIfDue(submission: 1)
            mailbox.detached()
        }
        mailbox.attached(storeIsEmpty: isEmpty)
        #expect(mailbox.mode == mode)
    }

    // MARK: Reads

    @Test func oneReadIsOutstandingAtATime() {
        var (mailbox, token) = self.mailbox(.catchingUp)
        #expect(mailbox.readIfDue(submission: 2) == nil)
        #expect(mailbox.readCompleted(token: token, hasMore: true) == .write)
        #expect(mailbox.readIfDue(submission: 3) != nil)
        #expect(mailbox.readIfDue(submission: 3) == nil)
    }

    @Test func whatWasReadForAConnectionThatIsGoneIsDroppedAndRewoundBeforeTheNextRead() {
        var (mailbox, token) = self.mailbox(.draining)
        mailbox.detached()
        // The rewind waits for the answer: told earlier, the store would rewind what the answer still brings.
        #expect(mailbox.rewindIfDue() == false)
        mailbox.attached()
        #expect(mailbox.readIfDue(submission: 3) == nil)
        #expect(mailbox.readCompleted(token: token, hasMore: false) == .drop)
        #expect(mailbox.mode == .catchingUp)
        #expect(mailbox.rewindIfDue() == true)
        #expect(mailbox.rewindIfDue() == false)
        #expect(mailbox.readIfDue(submission: 4) != nil)
    }

    @Test func aRewindWaitsForTheReceiptsOfJournaledFrames() {
        var (mailbox, _) = self.mailbox(.live)
        mailbox.journalStarted(in: 5)
        mailbox.detached()
        #expect(mailbox.rewindIfDue() == false)
        #expect(!mailbox.isSettled)
        mailbox.journalCompleted()
        #expect(mailbox.rewindIfDue() == true)
        #expect(mailbox.isSettled)
    }

    @Test func aReadBeforeTheLatestAppendDoesNotMakeItLive() {
        var (mailbox, token) = self.mailbox(.catchingUp)
        mailbox.spill()
        mailbox.appended(in: 2)
        #expect(mailbox.readCompleted(token: token, hasMore: false) == .write)
        #expect(mailbox.mode == .catchingUp)
        let second = mailbox.readIfDue(submission: 2)
        #expect(mailbox.readCompleted(token: second ?? 0, hasMore: false) == .writeAndGoLive)
        #expect(mailbox.mode == .live)
    }

    @Test func nothingIsReadForAConnectionWhosePeerHasFinished() {
        var (mailbox, token) = self.mailbox(.finishing)
        mailbox.appended(in: 2)
        #expect(mailbox.readCompleted(token: token, hasMore: true) == .drop)
        #expect(mailbox.readIfDue(submission: 3) == nil)
        // What is in flight may still arrive.
        #expect(mailbox.rewindIfDue() == false)
        mailbox.detached()
        #expect(mailbox.rewindIfDue() == true)
    }

    @Test func aFailedReadIsNotRepeatedForAConnectionWhosePeerHasFinished() {
        var (mailbox, token) = self.mailbox(.finishing)
        mailbox.readFailed(token: token)
        #expect(mailbox.readIfDue(submission: 2) == nil)
    }

    @Test func aFailedReadIsDueAgain() {
        var (mailbox, token) = self.mailbox(.catchingUp)
        mailbox.readFailed(token: token)
        #expect(mailbox.mode == .catchingUp)
        #expect(mailbox.readIfDue(submission: 2) != nil)
    }

    @Test func aFailedReadForAConnectionThatIsGoneLetsTheRewindGo() {
        var (mailbox, token) = self.mailbox(.catchingUp)
        mailbox.detached()
        mailbox.readFailed(token: token)
        #expect(mailbox.rewindIfDue() == true)
        #expect(mailbox.readIfDue(submission: 2) == nil)
    }
}
