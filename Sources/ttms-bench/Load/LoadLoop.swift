import NIOCore
import NIOPosix

/// One event loop of the generator, with its terminals and what it has counted.
///
/// `@unchecked Sendable` because other threads hold it to `submit` work to `eventLoop`; everything else happens there.
final class LoadLoop: @unchecked Sendable {
    let eventLoop: any EventLoop
    let plan: LoadPlan
    let index: Int
    /// All of the generator, this one among them.
    var loops: [LoadLoop] = []
    /// By index; those of other loops, and those that are away, are `nil`.
    var terminals: [LoadTerminal?]
    var measurements = Measurements()
    var random: SplitMix64
    /// Why the load cannot go on; the first reason stays.
    private(set) var failure: LoadFailure?

    /// What senders do.
    var pace = LoopPace.none
    /// In the order of their turns.
    var senders: [LoadTerminal] = []
    /// Senders with room in their window, to be filled when the read is over.
    var withRoom: [LoadTerminal] = []
    /// Room that frames read here have made for senders on other loops.
    var roomElsewhere: [[UInt32]]

    /// Terminals that are to come.
    var arrival: Arrival?
    /// What is waited for besides: senders that store, terminals with heartbeats to send.
    var errand: Errand?

    init(_ eventLoop: any EventLoop, plan: LoadPlan, index: Int) {
        self.eventLoop = eventLoop
        self.plan = plan
        self.index = index
        self.terminals = Array(repeating: nil, count: plan.terminals)
        self.random = SplitMix64(seed: UInt64(plan.run) &+ UInt64(index))
        self.roomElsewhere = Array(repeating: [], count: plan.loops)
    }

    /// Something that should not happen has happened.
    func fail(_ failure: LoadFailure) {
        if self.failure == nil { self.failure = failure }
        self.arrival?.promise.fail(failure)
        self.arrival = nil
        self.errand?.promise.fail(failure)
        self.errand = nil
    }

    /// The server has closed a connection, or it broke.
    func lost(_ terminal: LoadTerminal, because reason: String) {
        self.terminals[terminal.index] = nil
        self.measurements.counts.closed += 1
        self.fail(LoadFailure("the connection of terminal \(self.plan.ccid(of: terminal.index)) ended: \(reason)"))
    }

    /// What was measured since the last time.
    func take() -> Measurements {
        defer { self.measurements = Measurements() }
        return self.measurements
    }

    // MARK: Room in the windows

    /// A frame of `source` has arrived: it may send another one.
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

    /// Has those send for whom there is room now.
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

/// Why a load cannot go on, or could not begin.
struct LoadFailure: Error, CustomStringConvertible, Equatable {
    /// What happened, what it means, and what to do.
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
