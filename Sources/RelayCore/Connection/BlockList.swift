import NIOCore
import TTMSProtocol

/// What an operator has shut out.
public struct Block: Hashable, Sendable {
    /// Who.
    public enum Target: Hashable, Sendable {
        /// A terminal, wherever it connects from. What others send to it is kept for it.
        case ccid(CCID)
        /// Addresses, whoever connects from there.
        case network(IPNetwork)

        /// Reads a CCID, an address or a network; `nil` for any other text.
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

    /// Who is shut out.
    public var target: Target
    /// From when on it is not any more; `nil` for never.
    public var expiresAt: Timestamp?

    /// Shuts out `target`.
    public init(_ target: Target, expiresAt: Timestamp? = nil) {
        self.target = target
        self.expiresAt = expiresAt
    }
}

extension Block.Target: CustomStringConvertible {
    /// As ``init(_:)`` reads it, one text for each target.
    public var description: String {
        switch self {
        case .ccid(let ccid): ccid.description
        case .network(let network): network.description
        }
    }
}

/// All blocks, for an event loop to ask at every accept and heartbeat. It is a copy for each, so that nothing is shared; empty, it
/// costs a comparison.
public struct BlockList: Sendable {
    // When each block ends.
    private var terminals: [CCID: Timestamp] = [:]
    private var networks: [IPNetwork: Timestamp] = [:]
    /// The prefix lengths that there are: an address is looked up once for each.
    private var prefixLengths: [Int] = []

    /// Nobody is shut out.
    public init() {}

    /// Shuts out all of `blocks`.
    public init(_ blocks: [Block]) {
        for block in blocks {
            let end = block.expiresAt ?? Timestamp(microseconds: .max)
            switch block.target {
            case .ccid(let ccid): self.terminals[ccid] = max(end, self.terminals[ccid] ?? end)
            case .network(let network): self.networks[network] = max(end, self.networks[network] ?? end)
            }
        }
        self.prefixLengths = Set(self.networks.keys.map(\.prefixLength)).sorted()
    }

    /// Whether nobody is shut out.
    @inlinable
    public var isEmpty: Bool { !self.hasTerminals && !self.hasNetworks }

    /// Whether any terminal is shut out.
    public var hasTerminals: Bool { !self.terminals.isEmpty }

    /// Whether any address is shut out.
    public var hasNetworks: Bool { !self.networks.isEmpty }

    /// Whether the terminal is shut out.
    public func contains(_ ccid: CCID, at now: Timestamp) -> Bool {
        self.terminals[ccid].map { now < $0 } ?? false
    }

    /// Whether the address is shut out. A peer without one could have any: it is shut out while any network is.
    public func contains(_ address: PeerAddress, at now: Timestamp) -> Bool {
        guard !address.isUnknown else { return self.networks.values.contains { now < $0 } }
        let peer = address.network
        return self.prefixLengths.contains { length in
            let network = IPNetwork(bits: peer.bits, prefixLength: length)
            return network.isIPv4 == peer.isIPv4 && self.networks[network].map { now < $0 } ?? false
        }
    }
}
