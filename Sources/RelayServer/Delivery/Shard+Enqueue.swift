import NIOCore
import RelayCore
import TTMSProtocol

// The only places where a frame is appended to the store's submission. Each records the submission in the terminal's mailbox and
// raises the receipts that wait for the frame. Without that, a read would miss the frame or a receipt would be sent too early (G1,
// G5).
extension Shard {
    /// Queues a frame that was just accepted.
    ///
    /// - Parameter append: appends one frame.
    func enqueue(for terminal: Terminal, _ append: (inout AppendBatch) -> Void) {
        self.store.append(append)
        terminal.counters.framesQueued += 1
        terminal.update { $0.appended(in: self.store.number) }
    }

    /// Queues a frame that was just accepted, for a terminal that no event loop has.
    ///
    /// - Parameter append: appends one frame.
    func enqueueForAbsent(_ append: (inout AppendBatch) -> Void) {
        self.store.append(append)
    }

    /// Queues the frames that were held for `terminal`.
    func storeHeld(_ terminal: Terminal) {
        guard !terminal.held.isEmpty else { return }
        let held = self.takeHeld(of: terminal)
        if let since = self.heldFrames.ended(terminal.ccid) {
            self.receipts.stored(terminal.ccid, since: since, in: self.store.number)
        }
        held.forEach { entry, frame in self.store.append { $0.append(entry, frame: frame) } }
        terminal.counters.framesQueued += UInt64(held.count)
        terminal.update { $0.appended(in: self.store.number) }
    }

    /// Queues again a frame that was in flight when its connection ended, and that the store does not have. The caller appends all
    /// of them in order, and then calls ``requeued(_:of:since:)``.
    func requeue(_ frame: UnsafeRawBufferPointer, _ entry: AppendBatch.Entry) {
        self.store.append { $0.append(entry, frame: frame) }
    }

    /// Records that frames of `terminal` that were in flight are queued again. They are no longer in a delivery window, so receipts
    /// wait for all submissions until now. That includes frames that are already being journalled.
    ///
    /// - Parameter since: the time at which the first of them was put.
    func requeued(_ frames: Int, of terminal: Terminal, since: NIODeadline) {
        guard frames > 0 else { return }
        self.counters.requeued += UInt64(frames)
        self.receipts.stored(terminal.ccid, since: since, in: self.store.number)
        terminal.update { $0.appended(in: self.store.number) }
    }

    /// Appends the frames of a run that stays in flight.
    ///
    /// - Returns: the token of the store's answer.
    func enqueue(_ run: DeliveryWindow.Run, inFlightOn connection: TerminalConnection) -> UInt32 {
        let bytes = connection.outbound.copy(from: run.start, to: run.end)
        let token = self.store.makeToken()
        var ends: [Int] = []
        bytes.withUnsafeReadableBytes { bytes in
            let sizes = run.frameSizes(in: bytes)
            var start = 0
            for (index, size) in sizes.enumerated() {
                let isLast = index == sizes.count - 1
                let entry = AppendBatch.Entry(
                    ccid: run.owner,
                    token: isLast ? token : 0,
                    isInFlight: true,
                    takenAt: run.takenAt
                )
                let frame = UnsafeRawBufferPointer(rebasing: bytes[start..<(start + size)])
                self.store.append { $0.append(entry, frame: frame) }
                start += size
                ends.append(start)
            }
        }
        guard !ends.isEmpty else { return token }
        self.counters.journaled += UInt64(ends.count)
        self.journals.began(token, on: connection, ends: ends)
        self.terminals[run.owner]?.update { $0.journalStarted(in: self.store.number) }
        self.receipts.storedInFlight(since: run.since, in: self.store.number)
        return token
    }
}
