/// The idempotency keys that are being used now, by their names: a task that comes with one of them waits until it is given back.
final class KeysInUse: Sendable {
    private let locks = FIFOLock<[UInt8]>()

    /// Takes all of `names`, waiting for those that are taken. In one order, so that two tasks with the same names do not wait for
    /// each other.
    func take(_ names: Set<[UInt8]>) async {
        for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) { await self.locks.acquire(name) }
    }

    /// Gives `names` back, each to the task that has waited longest for it.
    func giveBack(_ names: Set<[UInt8]>) {
        for name in names { self.locks.release(name) }
    }
}
