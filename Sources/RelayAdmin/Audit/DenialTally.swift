import AdminAPI

/// Keeps a flood of denials from filling the audit log: the first one of its kind is recorded at once, and how many more there
/// were when the time is up.
struct DenialTally {
    /// Kinds that are told apart at a time; all further ones are one kind.
    static let maximumKinds = 64

    private struct Kind: Hashable {
        var remoteAddress: String
        var tokenID: String?
        var code: String?
        /// What was tried, of a caller who is known. Of a stranger, who can try everything in turn, it is not told apart: his denials
        /// would push all else out of the log.
        var attempt: String?
    }

    /// The latest entry of each kind, and how many of it were not recorded.
    private var tallies: [Kind: (latest: AuditResource, count: Int)] = [:]

    /// Counts a denial.
    ///
    /// - Returns: what has to be recorded now, if anything.
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
        // Those that are told only as a number are of one route, and not all of the last one's path.
        if let earlier, earlier.count > 0, earlier.latest.target != entry.target, let route = entry.route {
            entry.target = route
        }
        self.tallies[kind] = (entry, count.map { $0 + 1 } ?? 0)
        return count == nil ? entry : nil
    }

    /// What has to be recorded when the time is up; counting begins anew.
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

    /// Whether anything is counted.
    var isEmpty: Bool { self.tallies.isEmpty }
}
