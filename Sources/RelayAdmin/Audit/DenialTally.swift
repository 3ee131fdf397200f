import AdminAPI

/// Limits the entries of repeated denials in the audit log. The first one of its kind is recorded at once, and the number of
/// further ones at the end of a period.
struct DenialTally {
    /// Kinds counted separately at a time; all further ones are one kind.
    static let maximumKinds = 64

    private struct Kind: Hashable {
        var remoteAddress: String
        var tokenID: String?
        var code: String?
        /// The method and route, for a known caller only. A stranger could vary them, and the entries would displace all others from
        /// the log.
        var attempt: String?
    }

    /// The latest entry of each kind, and the number of those that were not recorded.
    private var tallies: [Kind: (latest: AuditResource, count: Int)] = [:]

    /// Counts a denial.
    ///
    /// - Returns: the entry to be recorded now; `nil` when it is only counted.
    mutating func add(_ entry: AuditResource) -> AuditResource? {
        let attempt = entry.tokenID == nil ? nil : "\(entry.method) \(entry.route ?? "")"
        var kind = Kind(remoteAddress: entry.remoteAddress, tokenID: entry.tokenID, code: entry.code, attempt: attempt)
        var entry = entry
        if self.tallies[kind] == nil, self.tallies.count >= Self.maximumKinds {
            kind = Kind(remoteAddress: "", tokenID: nil, code: nil, attempt: nil)
            entry.remoteAddress = ""
        }
        let earlier = self.tallies[kind]
        let count = earlier?.count
        // An entry for several denials has the route's template, unless all have the same path.
        if let earlier, earlier.count > 0, earlier.latest.target != entry.target, let route = entry.route {
            entry.target = route
        }
        self.tallies[kind] = (entry, count.map { $0 + 1 } ?? 0)
        return count == nil ? entry : nil
    }

    /// Ends the period, and returns the entries to be recorded.
    mutating func finish() -> [AuditResource] {
        defer { self.tallies = [:] }
        return self.tallies.values.filter { $0.count > 0 }
            .map { tally in
                var entry = tally.latest
                entry.count = tally.count
                return entry
            }
            .sorted { $0.at < $1.at }
    }

    /// Whether no denials are counted.
    var isEmpty: Bool { self.tallies.isEmpty }
}
