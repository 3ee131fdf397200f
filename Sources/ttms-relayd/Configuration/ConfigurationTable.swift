import NIOCore
import RelayCore

/// Every key of the configuration, in the order in which people read about them.
///
/// The one place that names keys: reading, errors, `--check-config`, README's table and the sample file follow from it.
enum ConfigurationTable {
    /// All keys.
    static let keys: [ConfigurationKey] =
        addresses + framing + connections + delivery + queue.map(\.reloadable) + memory

    /// The key called `name`.
    static func key(_ name: String) -> ConfigurationKey? {
        Self.keys.first { $0.name == name }
    }

    /// The key whose name is nearest to `name`; `nil` when none is near enough to be meant.
    static func nearestKey(to name: String) -> ConfigurationKey? {
        let candidates = Self.keys.map { (key: $0, distance: editDistance($0.name, name.lowercased())) }
        guard let nearest = candidates.min(by: { $0.distance < $1.distance }) else { return nil }
        // A third of the letters may be wrong.
        return nearest.distance * 3 <= nearest.key.name.count ? nearest.key : nil
    }

    /// The longest time that makes sense for a connection: a fleet that reports once a year.
    private static let year = TimeAmount.hours(24 * 366)
    /// No disk that a relay runs on holds more frames or bytes, and sums of them stay far from overflow.
    private static let manyFrames = 1_000_000_000_000
    private static let manyBytes = 1024 << 40

    private static let addresses: [ConfigurationKey] = [
        .listeners("listen", \.listeners, "Where terminals connect"),
        .endpoint("admin", \.admin, "Where the admin API, the probes and the metrics are"),
        .path(
            "data_dir",
            \.dataDirectory,
            "The directory of the queue, the admin token and endpoints.json; under systemd, its `StateDirectory`"
        ),
        .size(
            "audit_limit",
            \.auditLimit,
            64 << 10...manyBytes,
            "Bytes of the audit log of the admin API on disk; beyond them its oldest entries go"
        ),
        .choice("log_level", \.logLevel, "What is logged: this level and those above it").reloadable,
        // Docker kills what has not stopped after 10 seconds, Kubernetes after 30, systemd after 90.
        .duration(
            "stop_timeout",
            \.stopTimeout,
            .seconds(1) ... .hours(1),
            "What a stop may take in all, also while the disk fails; less than the supervisor waits until it kills the process"
        ),
    ]

    private static let framing: [ConfigurationKey] = [
        .dialect("dialect", \.dialect, "What the length field means on listeners that do not say it themselves"),
        .duration(
            "quiet_time",
            \.server.session.quietTime,
            .milliseconds(1) ... .seconds(10),
            "In `marker`, how long more bytes are awaited when a burst ends without a sound frame"
        ),
        .size(
            "maximum_frame_size",
            \.server.session.maximumFrameSize,
            17...65_535,
            "The largest frame, from header to checksum"
        ),
        .choice("heartbeat_time", \.server.session.heartbeatTime, "The unit of the time in heartbeat replies"),
        .choice(
            "unknown_command",
            \.server.session.unknownCommand,
            "What a frame does that is neither heartbeat nor data: close the connection, or nothing but count"
        ),
    ]

    private static let connections: [ConfigurationKey] = [
        // More threads than this have nothing to do on the machines that relays run on.
        .count("event_loops", \.server.eventLoops, 1...64, "Threads that serve terminals"),
        .count(
            "maximum_connections",
            \.server.maximumConnections,
            1...10_000_000,
            "Open connections; the next one is closed at once"
        ),
        .count(
            "maximum_ccids_per_connection",
            \.server.session.maximumCCIDs,
            1...65_536,
            "CCIDs that one connection may register"
        ),
        // The store's slots are the bound: MessageID.
        .count(
            "maximum_offline_terminals",
            \.server.maximumOfflineTerminals,
            0...Int(MessageID.maximumSlot),
            "Terminals without connection and backlog that are remembered for the lists"
        ),
        .duration(
            "registration_timeout",
            \.server.session.registrationTimeout,
            .milliseconds(1)...year,
            zero: "for ever",
            "How long a connection may stay without its first heartbeat"
        ),
        .duration(
            "frame_timeout",
            \.server.session.frameTimeout,
            .milliseconds(1)...year,
            zero: "for ever",
            "How long a frame of a registered connection may take from its first byte to its last"
        ),
        .duration(
            "idle_timeout",
            \.server.session.idleTimeout,
            .milliseconds(1)...year,
            zero: "for ever",
            "How long a registered connection may be silent"
        ),
        // The bounds of Linux: MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL and MAX_TCP_KEEPCNT.
        .duration(
            "keepalive_idle",
            \.server.tcp.keepaliveIdle,
            .seconds(1) ... .seconds(32_767),
            zero: "no keepalive",
            step: .seconds(1),
            "Silence before the first TCP keepalive probe"
        ),
        .duration(
            "keepalive_interval",
            \.server.tcp.keepaliveInterval,
            .seconds(1) ... .seconds(32_767),
            step: .seconds(1),
            "Time between keepalive probes"
        ),
        .count(
            "keepalive_probes",
            \.server.tcp.keepaliveProbes,
            1...127,
            "Probes without an answer until the connection is lost"
        ),
        // The kernel takes milliseconds in a signed 32-bit number.
        .duration(
            "tcp_user_timeout",
            \.server.tcp.userTimeout,
            .milliseconds(1) ... .hours(24 * 24),
            zero: "the kernel's, some 15 minutes",
            "How long written bytes may stay unacknowledged until the connection is lost"
        ),
        // The kernel keeps no less than 4,608 bytes, and no more than net.core.wmem_max, which is 208 KiB where nobody has raised it.
        .size(
            "tcp_send_buffer",
            \.server.tcp.sendBuffer,
            4 << 10...1 << 30,
            zero: "the kernel's, which grows",
            "Bytes that the kernel may hold for one terminal"
        ),
        .size(
            "tcp_unsent_limit",
            \.server.tcp.unsentLimit,
            4 << 10...1 << 30,
            zero: "all of it",
            "Bytes of these that may wait in the kernel before they are sent"
        ),
    ]

    /// The store takes all of them while it runs.
    private static let queue: [ConfigurationKey] = [
        // The store keeps seconds in an unsigned 32-bit number.
        .duration(
            "time_to_live",
            \.timeToLive,
            .seconds(1) ... .hours(24 * 36_500),
            zero: "for ever",
            step: .seconds(1),
            "How long a frame is kept when nothing else is said for it"
        ),
        .count("maximum_frames_per_terminal", \.storeLimits.terminalFrames, 1...manyFrames, "Frames kept for one terminal"),
        .size(
            "maximum_bytes_per_terminal",
            \.storeLimits.terminalBytes,
            64 << 10...manyBytes,
            "Bytes of frames kept for one terminal"
        ),
        .count("maximum_frames", \.storeLimits.totalFrames, 1...manyFrames, "Frames kept in all"),
        .size("maximum_bytes", \.storeLimits.totalBytes, 64 << 10...manyBytes, "Bytes of frames kept in all"),
        .count(
            "maximum_terminals",
            \.storeLimits.terminals,
            1...Int(MessageID.maximumSlot),
            "Terminals for which frames are kept; frames for one more are refused, or wait with `when_full: push-back`"
        ),
        .choice(
            "when_full",
            \.storeLimits.policy,
            "What gives way at these limits; with push-back nothing does, and senders are not read from"
        ),
        // Clients count on a day, in which they may ask again under the same key.
        .duration(
            "trace_retention",
            \.traceRetention,
            .hours(24) ... .hours(24 * 366),
            step: .seconds(1),
            "How long a traced message is remembered after its end, and an idempotency key after its use"
        ),
        .count(
            "maximum_traces",
            \.storeLimits.traces,
            1...100_000_000,
            "Messages, and idempotency keys, that are remembered; beyond that the oldest are forgotten first"
        ),
    ]

    private static let delivery: [ConfigurationKey] = [
        .choice(
            "confirm",
            \.confirm,
            "When a frame counts as delivered: its destination's kernel has acknowledged it, or a heartbeat has come after that"
        ),
        .flag(
            "heartbeat_receipt",
            \.givesReceipts,
            "Whether a heartbeat is answered only when all that its connection sent before is delivered or on disk"
        ),
        .journal(
            "journal_after",
            \.server.journal,
            .milliseconds(1) ... .seconds(60),
            "When a frame that is not delivered goes to disk although its terminal is online"
        ),
    ]

    private static let memory: [ConfigurationKey] = [
        // Below the largest frame, one frame could not be on its way.
        .size(
            "outbound_high_watermark",
            \.server.outbound.highWatermark,
            64 << 10...1 << 30,
            "Bytes on their way to one terminal above which new frames go to disk"
        ),
        .size(
            "outbound_low_watermark",
            \.server.outbound.lowWatermark,
            1 << 10...1 << 30,
            "Bytes on their way to one terminal below which frames are read from disk again"
        ),
        .size(
            "maximum_unfinished_bytes",
            \.server.maximumUnfinishedBytes,
            1 << 20...1 << 40,
            "Memory for frames whose rest has not come, on all connections; beyond it the oldest of them end their connections"
        ),
    ]
}

extension RelayConfiguration {
    /// The store's seconds as a duration; the table's range and step keep it within them.
    fileprivate var timeToLive: TimeAmount {
        get { .seconds(Int64(self.storeLimits.timeToLive)) }
        set { self.storeLimits.timeToLive = UInt32(clamping: newValue.nanoseconds / 1_000_000_000) }
    }

    /// As above.
    fileprivate var traceRetention: TimeAmount {
        get { .seconds(Int64(self.storeLimits.traceRetention)) }
        set { self.storeLimits.traceRetention = UInt32(clamping: newValue.nanoseconds / 1_000_000_000) }
    }
}

/// The fewest insertions, deletions and replacements of characters that make `left` of `right` (Levenshtein).
private func editDistance(_ left: String, _ right: String) -> Int {
    let right = Array(right)
    var previous = Array(0...right.count)
    for (row, character) in left.enumerated() {
        var current = [row + 1]
        for (column, other) in right.enumerated() {
            let replaced = previous[column] + (character == other ? 0 : 1)
            current.append(min(replaced, previous[column + 1] + 1, current[column] + 1))
        }
        previous = current
    }
    return previous[right.count]
}
