import TTMSProtocol

/// The description of a load that all its event loops share.
struct LoadPlan: Sendable {
    var address: SocketAddress
    var `protocol`: WireProtocol
    /// The CCID of the terminal with index 0; the others follow.
    var firstCCID: CCID
    /// The number of terminals, online or offline.
    var terminals: Int
    /// Payload sizes in bytes, which a sender's frames have in turn; not empty, each at least ``Stamp/size``.
    var payloads: [Int]
    /// Indices of the terminals that read slowly and of their senders; they are measured apart from the others.
    var slow: Range<Int> = 0..<0
    /// Threads of the generator, 1 or more; with a crowd, 2 or more.
    var loops = 1
    /// Indices of the terminals of a storm. They alone use the last event loop: opening and closing thousands of connections at
    /// once must not delay the terminals that measure the server.
    var crowd: Range<Int> = 0..<0
    /// See ``Stamp/run``.
    var run = UInt32.random(in: 0...UInt32.max)

    func ccid(of index: Int) -> CCID {
        CCID(rawValue: self.firstCCID.rawValue &+ UInt32(truncatingIfNeeded: index))
    }

    /// The event loop of a terminal. Both ends of a pair have the same one.
    func loop(of index: Int) -> Int {
        guard !self.crowd.isEmpty else { return index / 2 % self.loops }
        return self.crowd.contains(index) ? self.loops - 1 : index / 2 % (self.loops - 1)
    }

    /// Whether the terminal is the receiver of a slow pair.
    func readsSlowly(_ index: Int) -> Bool { self.slow.contains(index) && index % 2 == 1 }
}

/// The destinations of a sender.
enum Target: Equatable, Sendable {
    /// One terminal.
    case one(Int)
    /// The terminals `first`, `first + step`... in turn, `count` of them.
    case each(first: Int, count: Int, step: Int)
    /// Random ones of `count` terminals from `first` on.
    case any(first: Int, count: Int)
}

/// A terminal that sends.
struct Sender: Equatable, Sendable {
    var index: Int
    var target: Target
}

/// The times at which senders send.
enum Pace: Equatable, Sendable {
    /// Each sender sends one frame.
    case once
    /// Each sender sends while fewer than `window` of its frames are on their way.
    case closed(window: Int)
    /// All senders together send `rate` frames per second.
    case open(rate: Int)
}
