import Dispatch
import Foundation
import Glibc
import Synchronization

/// Ends the started server when a comparison is interrupted.
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

    /// Registers a process, to be killed when this process is interrupted, and its directory, to be removed.
    func watch(_ pid: Int32, directory: String) {
        self.watched.withLock { $0 = Watched(pid: pid, directory: directory) }
        self.sources.withLock { sources in
            guard sources.isEmpty else { return }
            sources = [SIGINT, SIGTERM].map { number in
                // A handler, because an ignored signal would be inherited by servers that are started later, which could then
                // not be ended.
                signal(number) { _ in }
                let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
                source.setEventHandler { self.end(number) }
                source.resume()
                return source
            }
        }
    }

    /// Ends the registration, after the process has ended.
    func unwatch() {
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
