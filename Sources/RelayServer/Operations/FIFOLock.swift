import Synchronization

/// A lock for tasks: one at a time has each key, and the others wait for it in their order, without a thread.
final class FIFOLock<Key: Hashable & Sendable>: Sendable {
    private struct State {
        var taken: Set<Key> = []
        var waiting: [Key: [CheckedContinuation<Void, Never>]] = [:]
    }

    private let state = Mutex(State())

    /// Tasks that wait for `key`.
    func waitingCount(_ key: Key) -> Int { self.state.withLock { $0.waiting[key]?.count ?? 0 } }

    /// Waits until no other task has `key`, and takes it. It is released by ``release(_:)``, by any task.
    func acquire(_ key: Key) async {
        await withCheckedContinuation { continuation in
            let isFree = self.state.withLock { state in
                if state.taken.insert(key).inserted { return true }
                state.waiting[key, default: []].append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    /// Passes `key` to the task that has waited longest for it.
    func release(_ key: Key) {
        let next = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
            assert(state.taken.contains(key), "Only a key that was acquired is released.")
            guard var waiting = state.waiting.removeValue(forKey: key) else {
                state.taken.remove(key)
                return nil
            }
            let next = waiting.removeFirst()
            if !waiting.isEmpty { state.waiting[key] = waiting }
            return next
        }
        next?.resume()
    }
}

/// The key of a lock that has one.
enum SingleKey: Hashable, Sendable {
    case single
}

extension FIFOLock where Key == SingleKey {
    /// Waits until no other task has the lock, and takes it.
    func acquire() async { await self.acquire(.single) }

    /// Passes the lock to the task that has waited longest for it.
    func release() { self.release(.single) }
}
