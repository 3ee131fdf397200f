import Dispatch

/// Runs an actor that reads or writes files on its own queue, because a stalled disk must not block the few threads that carry out
/// requests.
final class DiskExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(_ label: String) {
        self.queue = DispatchQueue(label: label)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
