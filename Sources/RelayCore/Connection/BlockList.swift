import NIOCore
import TTMSProtocol

/// Operator's order that refuses a terminal or a network.
public struct Block: Hashable, Sendable {
    /// Blocked terminal or network.
    public enum Target: Hashable, Sendable {
        /// A terminal, from any address. Frames that others send to it are queued.
        case ccid(CCID)
        /// All peers from these addresses.
        case network(IPNetwork)

        /// Parses a CCID, an address or a network; `nil` for any other text.
        public init?(_ text: String) {
            if let ccid = CCID(text) {
                self = .ccid(ccid)
            } else if let network = IPNetwork(text) {
                self = .network(network)
            } else {
                return nil
            }
        }
    }

    /// Blocked terminal or network.
    public var target: Target
    /// Time at which the block ends; `nil` for never.
    public var expiresAt: Timestamp?

    /// Makes a block of `target`.
    public init(_ target: Target, expiresAt: Timestamp? = nil) {
        self.target = target
        self.expiresAt = expiresAt
    }
}

extension Block.Target: CustomStringConvertible {
    /// Text that ``init(_:)`` parses, one for each target.
    public var description: String {
        switch self {
        case .ccid(let ccid): ccid.description
        case .network(let network): network.description
        }
    }
}

/// All blocks, checked at every accept and heartbeat. Each event loop has a copy, so nothing is shared; an empty list costs one
/// comparison.
public struct BlockList: Sendable {
    // Time at which each block ends.
    private var terminals: [CCID: Timestamp] = [:]
    private var networks: [IPNetwork: Timestamp] = [:]
    /// Prefix lengths of the networks: the table is searched once for each.
    private var prefixLengths: [Int] = []

    /// Makes an empty list.
    public init() {}

    /// Makes a list of `blocks`. Of several blocks of one target, the latest end holds.
    public init(_ blocks: [Block]) {
        for block in blocks {
            let end = block.expiresAt ?? Timestamp(microseconds: .max)
            switch block.target {
            case .ccid(let ccid): self.terminals[ccid] = max(end, self.terminals[ccid] ?? end)
            case .network(let network): self.networks[network] = max(end, self.networks[network] ?? end)
            }
        }
        self.prefixLengths = Set(self.networks.keys.map(\.prefixLength)).sorted()
        assert(self.prefixLengths.isEmpty == self.networks.isEmpty)
    }

    /// Whether the list is empty.
    @inlinable
    public var isEmpty: Bool { !self.hasTerminals && !self.hasNetworks }

    /// Whether any terminal is blocked.
    public var hasTerminals: Bool { !self.terminals.isEmpty }

    /// Whether any network is blocked.
    public var hasNetworks: Bool { !self.networks.isEmpty }

    /// Whether the terminal is blocked.
    public func contains(_ ccid: CCID, at now: Timestamp) -> Bool {
        self.terminals[ccid].map { now < $0 } ?? false
    }

    /// Whether the address is blocked. A peer without a known address is blocked while any network is.
    public func contains(_ address: PeerAddress, at now: Timestamp) -> Bool {
        guard !address.isUnknown else { return self.networks.values.contains { now < $0 } }
        let peer = address.network
        return self.prefixLengths.contains { length in
            let network = IPNetwork(bits: peer.bits, prefixLength: length)
            return network.isIPv4 == peer.isIPv4 && self.networks[network].map { now < $0 } ?? false
        }
    }
}
