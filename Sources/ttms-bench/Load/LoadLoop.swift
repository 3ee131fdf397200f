import NIOCore
import NIOPosix

/// One event loop of the generator, with its terminals and its counts.
///
/// `@unchecked Sendable` because other threads hold it to `submit` work to `eventLoop`; all else is confined to that loop.
final class LoadLoop: @unchecked Sendable {
    let eventLoop: any EventLoop
    let plan: LoadPlan
    let index: Int
    /// All event loops of the generator, including this one.
    var loops: [LoadLoop] = []
    /// The terminals by index; `nil` for those of other loops and for offline ones.
    var terminals: [LoadTerminal?]
    var measurements = Measurements()
    var random: SplitMix64
    /// The first reason why the load cannot go on.
    private(set) var failure: LoadFailure?

    /// The sending mode of all senders.
    var pace = LoopPace.none
    /// The senders of this loop, in the order of their turns.
    var senders: [LoadTerminal] = []
    /// Senders with room in their window, which send after the read.
    var withRoom: [LoadTerminal] = []
    /// Senders on other loops, by loop, whose frames have arrived here.
    var roomElsewhere: [[UInt32]]

    /// The terminals that are connecting.
    var arrival: Arrival?
    /// The errand in progress: senders that store frames, or terminals that send heartbeats.
    var errand: Errand?

    init(_ eventLoop: any EventLoop, plan: LoadPlan, index: Int) {
        self.eventLoop = eventLoop
        self.plan = plan
        self.index = index
        self.terminals = Array(repeating: nil, count: plan.terminals)
        self.random = SplitMix64(seed: UInt64(plan.run) &+ UInt64(index))
        self.roomElsewhere = Array(repeating: [], count: plan.loops)
    }

    /// Ends the load with `failure`.
    func fail(_ failure: LoadFailure) {
        if self.failure == nil { self.failure = failure }
        self.arrival?.promise.fail(failure)
        self.arrival = nil
        self.errand?.promise.fail(failure)
        self.errand = nil
    }

    /// Ends the load after the server has closed a connection, or it broke.
    func lost(_ terminal: LoadTerminal, because reason: String) {
        self.terminals[terminal.index] = nil
        self.measurements.counts.closed += 1
        self.fail(LoadFailure("the connection of terminal \(self.plan.ccid(of: terminal.index)) ended: \(reason)"))
    }

    /// Returns the measurements since the last call.
    func take() -> Measurements {
        defer { self.measurements = Measurements() }
        return self.measurements
    }

    // MARK: Room in the windows

    /// Frees room for one frame of `source`, after one has arrived.
    @inline(__always)
    func giveRoom(to source: UInt32) {
        let index = Int(source)
        guard index < self.terminals.count else { return }
        if let sender = self.terminals[index] {
            if sender.giveRoom() { self.withRoom.append(sender) }
        } else {
            self.roomElsewhere[self.plan.loop(of: index)].append(source)
        }
    }

    /// Lets the senders with room send.
    func useRoom() {
        while let sender = self.withRoom.popLast() { sender.fillWindow() }
        guard self.loops.count > 1 else { return }
        for loop in self.loops where !self.roomElsewhere[loop.index].isEmpty && loop !== self {
            let sources = self.roomElsewhere[loop.index]
            self.roomElsewhere[loop.index].removeAll(keepingCapacity: true)
            loop.eventLoop.execute {
                for source in sources where loop.terminals[Int(source)] != nil { loop.giveRoom(to: source) }
                loop.useRoom()
            }
        }
    }
}

/// The reason why a load cannot go on, or could not begin.
struct LoadFailure: Error, CustomStringConvertible, Equatable {
    /// A text that says what happened, what it means and what to do.
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
