import Synchronization

/// The idempotency keys that are being used now, by their names: who comes with one of them waits until it is given back.
final class KeysInUse: Sendable {
    private struct State {
        var taken: Set<[UInt8]> = []
        var waiting: [[UInt8]: [CheckedContinuation<Void, Never>]] = [:]
    }

    private let state = Mutex(State())

    /// Takes all of `names`, waiting for those that are taken. In one order, so that two who want the same ones do not wait for each
    /// other.
    func take(_ names: Set<[UInt8]>) async {
        for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            await withCheckedContinuation { continuation in
                let isFree = self.state.withLock { state in
                    if state.taken.insert(name).inserted { return true }
                    state.waiting[name, default: []].append(continuation)
                    return false
                }
                if isFree { continuation.resume() }
            }
        }
    }

    /// Gives `names` back, each to who has waited longest for it.
    func giveBack(_ names: Set<[UInt8]>) {
        for name in names {
            let next = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
                guard var waiting = state.waiting[name], !waiting.isEmpty else {
                    state.taken.remove(name)
                    return nil
                }
                let next = waiting.removeFirst()
                state.waiting[name] = waiting.isEmpty ? nil : waiting
                return next
            }
            next?.resume()
        }
    }
}
