import Logging
import RelayCore
import TTMSProtocol

/// Changes that the store may refuse: what happens then.
extension StoreWorker {
    func append(
        _ frame: UnsafeRawBufferPointer,
        _ entry: AppendBatch.Entry,
        acceptedAt: Timestamp,
        key: IdempotencyKey?
    ) -> AppendOutcome {
        let outcome: AppendOutcome
        do throws(StoreError) {
            // Where keys cannot be read none can be remembered either, and the frame must not be kept without its own.
            if let key { _ = try self.store.use(of: key) }
            if let cap = try self.store.refusal(of: entry, size: frame.count) {
                self.store.countRefused()
                return .rejected(cap)
            }
            outcome = try self.store.append(
                frame,
                to: entry.ccid,
                acceptedAt: acceptedAt,
                timeToLive: entry.timeToLive,
                isInFlight: entry.isInFlight,
                isTraced: entry.isTraced
            )
        } catch {
            self.logger.error("A frame could not be kept.", metadata: ["ccid": "\(entry.ccid)", "error": "\(error)"])
            // What has been written to its terminal stays in flight there.
            if !entry.isInFlight { self.store.countRefused() }
            return .rejected(.eviction)
        }
        if let key, case .queued(let id) = outcome { self.remember(UsedKey(key, id: id, usedAt: self.store.now)) }
        return outcome
    }

    /// The frame is kept, so a failure is let pass: who asks again with the key may send it twice.
    private func remember(_ use: UsedKey) {
        do throws(StoreError) {
            try self.store.remember(use)
        } catch {
            self.logger.error(
                "The key of a message could not be remembered; who asks again with it may send the message twice.",
                metadata: ["message": "\(use.id)", "error": "\(error)"]
            )
        }
    }

    func confirm(_ ids: [MessageID]) {
        guard !ids.isEmpty else { return }
        do throws(StoreError) {
            try self.store.confirm(ids)
        } catch {
            // They stay acknowledged: less is told of them than could be.
            self.logger.error("Delivered messages could not be noted as confirmed.", metadata: ["error": "\(error)"])
        }
    }
}
