import Dispatch
import Foundation
import Glibc
import Synchronization

/// What happens when somebody stops a comparison: the server that it has started has to end with it.
///
/// A started process has a process group of its own, so Ctrl-C does not reach it.
final class Interruption: Sendable {
    static let shared = Interruption()

    private struct Watched {
        var pid: Int32
        var directory: String
    }

    private let watched = Mutex<Watched?>(nil)
    private let sources = Mutex<[any DispatchSourceSignal]>([])

    /// From now on the process ends, and its directory goes, when this one is told to end.
    func watch(_ pid: Int32, directory: String) {
        self.watched.withLock { $0 = Watched(pid: pid, directory: directory) }
        self.sources.withLock { sources in
            guard sources.isEmpty else { return }
            sources = [SIGINT, SIGTERM].map { number in
                // Not ignored: that is inherited by what is started later, and would make it deaf to being told to end.
                signal(number) { _ in }
                let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
                source.setEventHandler { self.end(number) }
                source.resume()
                return source
            }
        }
    }

    /// It has ended.
    func forget() {
        self.watched.withLock { $0 = nil }
    }

    private func end(_ number: Int32) {
        self.watched.withLock { watched in
            guard let watched else { return }
            kill(watched.pid, SIGKILL)
            try? FileManager.default.removeItem(atPath: watched.directory)
        }
        exit(128 + number)
    }
}
