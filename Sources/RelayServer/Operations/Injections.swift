import NIOCore
import RelayCore
import TTMSProtocol

/// Frames from operators that have not been answered.
///
/// Such a frame is always stored first: the answer promises that it is stored, and its id is the store's. Then it is delivered in
/// order, like every stored frame. The answer waits for the store, and, while the terminal reads, for the write.
final class PendingInjections {
    private struct Stored {
        var ccid: CCID
        var promise: EventLoopPromise<InjectionOutcome>
        var isTraced: Bool

        func succeed(_ id: MessageID, _ state: InjectionOutcome.State) {
            self.promise.succeed(InjectionOutcome(id: id, state: state, isTraced: self.isTraced))
        }
    }

    private var unstored: [UInt32: EventLoopPromise<InjectionOutcome>] = [:]
    private var stored: [MessageID: Stored] = [:]

    /// Records that the frame with this token was given to the store.
    func started(token: UInt32, _ promise: EventLoopPromise<InjectionOutcome>) {
        self.unstored[token] = promise
    }

    /// Records the store's answer for a frame.
    ///
    /// - Parameter isExpected: whether its terminal reads, so that the frame will be written soon.
    func completed(_ receipt: StoreCompletion.Receipt, isExpected: Bool) {
        guard let promise = self.unstored.removeValue(forKey: receipt.token) else { return }
        switch receipt.outcome {
        case .rejected(let cap): promise.fail(InjectionError.rejected(cap))
        case .queued(let id):
            let stored = Stored(ccid: receipt.ccid, promise: promise, isTraced: receipt.isTraced)
            if isExpected { self.stored[id] = stored } else { stored.succeed(id, .queued) }
        }
    }

    /// Answers for frames that were written to their terminal.
    func written(_ marks: [StoredRun.Mark]) {
        guard !self.stored.isEmpty else { return }
        for mark in marks {
            self.stored.removeValue(forKey: mark.id)?.succeed(mark.id, .inFlight)
        }
    }

    /// Answers for a frame that has not been written for some time.
    func giveUp(_ id: MessageID) {
        self.stored.removeValue(forKey: id)?.succeed(id, .queued)
    }

    /// Answers for the frames of a terminal whose connection has ended, or is too slow to wait for.
    func disconnected(_ ccid: CCID) {
        guard !self.stored.isEmpty else { return }
        for (id, waiting) in self.stored where waiting.ccid == ccid {
            self.stored[id] = nil
            waiting.succeed(id, .queued)
        }
    }

    /// Answers for all stored frames as queued, because the relay stops and writes nothing more. The others wait for the store's
    /// last commit.
    func stopWaiting() {
        for (id, waiting) in self.stored { waiting.succeed(id, .queued) }
        self.stored.removeAll()
    }

    /// Fails the frames that are not stored, after the store is closed and has given its last answers.
    func failAll() {
        self.stopWaiting()
        for promise in self.unstored.values { promise.fail(InjectionError.stopping) }
        self.unstored.removeAll()
    }
}
