import Synchronization
import Testing

@testable import RelayServer

/// The lock for tasks: one at a time, in the order in which they came.
struct FIFOLockTests {
    /// What the tasks have done.
    private final class Record: Sendable {
        let order = Mutex<[Int]>([])
        let inside = Atomic(0)
        let most = Atomic(0)
    }

    @Test("Given a key that is taken, when others come, then they get it one by one, in their order")
    func order() async {
        let lock = FIFOLock<String>()
        let record = Record()
        await lock.acquire("a")
        var tasks: [Task<Void, Never>] = []
        for number in 0..<5 {
            tasks.append(
                Task {
                    await lock.acquire("a")
                    record.order.withLock { $0.append(number) }
                    lock.release("a")
                }
            )
            // It waits before the next one comes.
            while lock.waitingCount("a") <= number { await Task.yield() }
        }
        #expect(record.order.withLock { $0 } == [])
        lock.release("a")
        for task in tasks { await task.value }
        #expect(record.order.withLock { $0 } == [0, 1, 2, 3, 4])
    }

    @Test("Given one key that is taken, when a task wants another, then it does not wait")
    func otherKeys() async {
        let lock = FIFOLock<String>()
        await lock.acquire("a")
        await lock.acquire("b")
        lock.release("b")
        lock.release("a")
        await lock.acquire("a")
        #expect(lock.waitingCount("a") == 0)
    }

    @Test("Given many tasks, when each holds the lock over a suspension, then none is inside with another")
    func exclusion() async {
        let lock = FIFOLock<SingleKey>()
        let record = Record()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    await lock.acquire()
                    let now = record.inside.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
                    record.most.max(now, ordering: .sequentiallyConsistent)
                    await Task.yield()
                    record.inside.wrappingSubtract(1, ordering: .sequentiallyConsistent)
                    lock.release()
                }
            }
        }
        #expect(record.most.load(ordering: .sequentiallyConsistent) == 1)
    }
}
