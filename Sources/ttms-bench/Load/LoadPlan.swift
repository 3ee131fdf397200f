import TTMSProtocol

/// What all event loops of a load have to know of it.
struct LoadPlan: Sendable {
    var address: SocketAddress
    var `protocol`: WireProtocol
    /// The CCID of the terminal with index 0; the others follow.
    var firstCCID: CCID
    /// How many terminals there are, connected or not.
    var terminals: Int
    /// Payload sizes in bytes, of which the frames of a sender take turns; not empty, each at least ``Stamp/size``.
    var payloads: [Int]
    /// Indices of the terminals that read slowly, and of those that send to them; they are not measured with the others.
    var slow: Range<Int> = 0..<0
    /// Threads of the generator, 1 or more; with a crowd, 2 or more.
    var loops = 1
    /// Indices of the terminals of a storm. They have the last event loop for themselves: what it costs to open and close thousands of
    /// connections at once must not hold up those who measure what the server makes of it.
    var crowd: Range<Int> = 0..<0
    /// See ``Stamp/run``.
    var run = UInt32.random(in: 0...UInt32.max)

    func ccid(of index: Int) -> CCID {
        CCID(rawValue: self.firstCCID.rawValue &+ UInt32(truncatingIfNeeded: index))
    }

    /// Which event loop has a terminal. Both ends of a pair are on the same one.
    func loop(of index: Int) -> Int {
        guard !self.crowd.isEmpty else { return index / 2 % self.loops }
        return self.crowd.contains(index) ? self.loops - 1 : index / 2 % (self.loops - 1)
    }

    /// The receivers of the slow pairs.
    func readsSlowly(_ index: Int) -> Bool { self.slow.contains(index) && index % 2 == 1 }
}

/// To whom a sender sends.
enum Target: Equatable, Sendable {
    /// Always to the same terminal.
    case one(Int)
    /// To `first`, `first + step`... in turn, `count` of them.
    case each(first: Int, count: Int, step: Int)
    /// To any of `count` terminals from `first` on.
    case any(first: Int, count: Int)
}

/// A terminal that sends.
struct Sender: Equatable, Sendable {
    var index: Int
    var target: Target
}

/// When senders send.
enum Pace: Equatable, Sendable {
    /// Each sender one frame.
    case once
    /// As many frames as are missing from `window` under way, for each sender.
    case closed(window: Int)
    /// So many frames a second, of all senders together.
    case open(rate: Int)
}
