import NIOCore
import RelayCore
import TTMSProtocol

/// Frames from operators that have not been answered for.
///
/// Such a frame is always stored first: an operator's answer promises that it is kept, and its id is the store's. Then it comes to
/// its terminal as every stored frame does, in order. The answer waits for the store, and while the terminal reads, for the write.
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

    /// The frame with this token was given to the store.
    func started(token: UInt32, _ promise: EventLoopPromise<InjectionOutcome>) {
        self.unstored[token] = promise
    }

    /// The frame is durable.
    ///
    /// - Parameter isExpected: its terminal reads, so that it will be written soon.
    func completed(_ receipt: StoreCompletion.Receipt, isExpected: Bool) {
        guard let promise = self.unstored.removeValue(forKey: receipt.token) else { return }
        switch receipt.outcome {
        case .rejected(let cap): promise.fail(InjectionError.rejected(cap))
        case .queued(let id):
            let stored = Stored(ccid: receipt.ccid, promise: promise, isTraced: receipt.isTraced)
            if isExpected { self.stored[id] = stored } else { stored.succeed(id, .queued) }
        }
    }

    /// Frames were written to their terminal.
    func written(_ marks: [StoredRun.Mark]) {
        guard !self.stored.isEmpty else { return }
        for mark in marks {
            self.stored.removeValue(forKey: mark.id)?.succeed(mark.id, .inFlight)
        }
    }

    /// The frame has not been written for some time.
    func giveUp(_ id: MessageID) {
        self.stored.removeValue(forKey: id)?.succeed(id, .queued)
    }

    /// The terminal's connection ended, or is too slow to wait for.
    func disconnected(_ ccid: CCID) {
        guard !self.stored.isEmpty else { return }
        for (id, waiting) in self.stored where waiting.ccid == ccid {
            self.stored[id] = nil
            waiting.succeed(id, .queued)
        }
    }

    /// The relay stops, and nothing more is written: what is stored is queued. The rest waits for the store's last commit.
    func stopWaiting() {
        for (id, waiting) in self.stored { waiting.succeed(id, .queued) }
        self.stored.removeAll()
    }

    /// The store is closed, and what it has kept has been told: the rest is not kept.
    func failAll() {
        self.stopWaiting()
        for promise in self.unstored.values { promise.fail(InjectionError.stopping) }
        self.unstored.removeAll()
    }
}
