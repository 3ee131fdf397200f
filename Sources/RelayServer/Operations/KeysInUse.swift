/// The idempotency keys in use now, by their names: a request with one of them waits until it is released.
final class KeysInUse: Sendable {
    private let locks = FIFOLock<[UInt8]>()

    /// Takes all of `names`, and waits for those that are taken. They are taken in one order, so that two requests for the same
    /// names do not wait for each other.
    func take(_ names: Set<[UInt8]>) async {
        for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) { await self.locks.acquire(name) }
    }

    /// Releases `names`, each to the request that has waited longest for it.
    func giveBack(_ names: Set<[UInt8]>) {
        for name in names { self.locks.release(name) }
    }
}
