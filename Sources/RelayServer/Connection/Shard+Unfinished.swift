import CLinuxTCP
import Dispatch
import NIOCore
import RelayCore

// Frames whose rest has not arrived: their time and their memory are bounded (G6).
extension Shard {
    /// This event loop's share of the memory that unfinished frames may take.
    var unfinishedLimit: Int { self.options.maximumUnfinishedBytes / max(self.options.eventLoops, 1) }

    /// The maximum number of connections that are closed at once: about 5 ms.
    private static let unfinishedAtOnce = 128

    /// Closes the connections with the oldest unfinished frames until a quarter of the memory is free. An active sender finishes its
    /// frames, and so is not among the oldest for long. Connections that the relay itself holds back are neither counted nor closed.
    /// Called after each read that leaves a frame unfinished: an event loop can read from hundreds of connections in one tick.
    ///
    /// - Parameter reading: the connection whose read it was; it is not closed.
    func boundUnfinished(sparing reading: TerminalConnection? = nil) {
        guard self.unfinishedMemory.bytes > self.unfinishedLimit else { return }
        self.unfinishedMemory.notePeak()
        var ended = 0
        while ended < Self.unfinishedAtOnce, self.unfinishedMemory.bytes > self.unfinishedLimit / 4 * 3 {
            guard let connection = self.unfinishedMemory.takeOldest(sparing: reading, of: self.connections) else { return }
            self.close(connection, .unfinishedFrame)
            ended += 1
        }
    }

    /// Returns memory to the system after many unfinished frames: the C library retains it otherwise. Runs on another thread, because
    /// that takes milliseconds. Called several times a second.
    func returnMemory() {
        guard self.unfinishedMemory.shouldReturn(now: self.eventLoop.now) else { return }
        DispatchQueue.global(qos: .utility).async { memory_return_free() }
    }
}
