import NIOCore
import RelayCore

/// All keys of the configuration, in the order of the documentation.
///
/// The only place that names keys: reading, errors, `--check-config`, README's table and the sample file are made from it.
enum ConfigurationTable {
    /// All keys.
    static let keys: [ConfigurationKey] =
        addresses + framing + connections + delivery + queue.map(\.reloadable) + memory

    /// The key with this name.
    static func key(_ name: String) -> ConfigurationKey? {
        Self.keys.first { $0.name == name }
    }

    /// The key whose name is nearest to `name`; `nil` when none is near.
    static func nearestKey(to name: String) -> ConfigurationKey? {
        let candidates = Self.keys.map { (key: $0, distance: editDistance($0.name, name.lowercased())) }
        guard let nearest = candidates.min(by: { $0.distance < $1.distance }) else { return nil }
        // A third of the letters may be wrong.
        return nearest.distance * 3 <= nearest.key.name.count ? nearest.key : nil
    }

    /// The longest useful time of a connection: a fleet that reports once a year.
    private static let year = TimeAmount.hours(24 * 366)
    /// The largest limits: no disk of a relay has more frames or bytes, and sums of them do not overflow.
    private static let manyFrames = 1_000_000_000_000
    private static let manyBytes = 1024 << 40

    private static let addresses: [ConfigurationKey] = [
        .listeners("listen", \.listeners, "The addresses on which the relay accepts terminals"),
        .endpoint("admin", \.admin, "The address of the admin API, the probes and the metrics"),
        .path(
            "data_dir",
            \.dataDirectory,
            "The directory of the store, the admin token and endpoints.json; under systemd, its `StateDirectory`"
        ),
        .size(
            "audit_limit",
            \.auditLimit,
            64 << 10...manyBytes,
            "Bytes of the audit log of the admin API on disk; above them its oldest entries are removed"
        ),
        .choice("log_level", \.logLevel, "The least severe level that is logged").reloadable,
        // Docker kills a process that has not stopped after 10 seconds, Kubernetes after 30, systemd after 90.
        .duration(
            "stop_timeout",
            \.stopTimeout,
            .seconds(1) ... .hours(1),
            "The longest time of a stop, also while the disk fails; less than the time after which the supervisor kills the process"
        ),
    ]

    private static let framing: [ConfigurationKey] = [
        .dialect("dialect", \.dialect, "The meaning of the length field on listeners without a dialect of their own"),
        .duration(
            "quiet_time",
            \.server.session.quietTime,
            .milliseconds(1) ... .seconds(10),
            "In `marker`, the wait for more bytes when a burst ends without a sound frame"
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
            "The effect of a frame that is neither heartbeat nor data: it closes the connection, or is only counted"
        ),
    ]

    private static let connections: [ConfigurationKey] = [
        // More threads have no work on the machines that relays run on.
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
            "Offline terminals without a backlog that stay in the lists"
        ),
        .duration(
            "registration_timeout",
            \.server.session.registrationTimeout,
            .milliseconds(1)...year,
            zero: "for ever",
            "The longest time before a connection's first heartbeat"
        ),
        .duration(
            "frame_timeout",
            \.server.session.frameTimeout,
            .milliseconds(1)...year,
            zero: "for ever",
            "The longest time from the first to the last byte of a frame on a registered connection"
        ),
        .duration(
            "idle_timeout",
            \.server.session.idleTimeout,
            .milliseconds(1)...year,
            zero: "for ever",
            "The longest silence of a registered connection"
        ),
        // The bounds of Linux: MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL and MAX_TCP_KEEPCNT.
        .duration(
            "keepalive_idle",
            \.server.tcp.keepaliveIdle,
            .seconds(1) ... .seconds(32_767),
            zero: "no keepalive",
            step: .seconds(1),
            "The silence before the first TCP keepalive probe"
        ),
        .duration(
            "keepalive_interval",
            \.server.tcp.keepaliveInterval,
            .seconds(1) ... .seconds(32_767),
            step: .seconds(1),
            "The time between keepalive probes"
        ),
        .count(
            "keepalive_probes",
            \.server.tcp.keepaliveProbes,
            1...127,
            "Unanswered probes after which the connection is lost"
        ),
        // The kernel stores milliseconds in a signed 32-bit number.
        .duration(
            "tcp_user_timeout",
            \.server.tcp.userTimeout,
            .milliseconds(1) ... .hours(24 * 24),
            zero: "the kernel's, about 15 minutes",
            "The time after which a connection with unacknowledged bytes is lost"
        ),
        // The kernel allows no less than 4,608 bytes, and no more than net.core.wmem_max, which is 208 KiB by default.
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
            zero: "the whole buffer",
            "Bytes of this buffer that may wait in the kernel unsent"
        ),
    ]

    /// Settings that the store can change while it runs.
    private static let queue: [ConfigurationKey] = [
        // The store records seconds in an unsigned 32-bit number.
        .duration(
            "time_to_live",
            \.timeToLive,
            .seconds(1) ... .hours(24 * 36_500),
            zero: "for ever",
            step: .seconds(1),
            "The time to live of a frame without one of its own"
        ),
        .count("maximum_frames_per_terminal", \.storeLimits.terminalFrames, 1...manyFrames, "Frames in one terminal's queue"),
        .size(
            "maximum_bytes_per_terminal",
            \.storeLimits.terminalBytes,
            64 << 10...manyBytes,
            "Bytes of the frames in one terminal's queue"
        ),
        .count("maximum_frames", \.storeLimits.totalFrames, 1...manyFrames, "Frames in all queues"),
        .size("maximum_bytes", \.storeLimits.totalBytes, 64 << 10...manyBytes, "Bytes of the frames in all queues"),
        .count(
            "maximum_terminals",
            \.storeLimits.terminals,
            1...Int(MessageID.maximumSlot),
            "Terminals with queued frames; frames for one more are rejected, or wait with `when_full: push-back`"
        ),
        .choice(
            "when_full",
            \.storeLimits.policy,
            "The effect of these caps: eviction, rejection, or back pressure on the senders"
        ),
        // Clients rely on one day, in which they may repeat a request with the same key.
        .duration(
            "trace_retention",
            \.traceRetention,
            .hours(24) ... .hours(24 * 366),
            step: .seconds(1),
            "The time for which a trace is stored after its message's end, and an idempotency key after its use"
        ),
        .count(
            "maximum_traces",
            \.storeLimits.traces,
            1...100_000_000,
            "Traces, and idempotency keys, that are stored; above that the oldest are removed first"
        ),
    ]

    private static let delivery: [ConfigurationKey] = [
        .choice(
            "confirm",
            \.confirm,
            "The event that makes a frame delivered: its acknowledgement, or a heartbeat after it on the same connection"
        ),
        .flag(
            "heartbeat_receipt",
            \.givesReceipts,
            "Whether a heartbeat is answered only when all earlier frames of its connection are delivered or on disk"
        ),
        .journal(
            "journal_after",
            \.server.journal,
            .milliseconds(1) ... .seconds(60),
            "The time after which an undelivered frame is written to disk although its terminal is online"
        ),
    ]

    private static let memory: [ConfigurationKey] = [
        // A lower watermark would not allow the largest frame to be sent.
        .size(
            "outbound_high_watermark",
            \.server.outbound.highWatermark,
            64 << 10...1 << 30,
            "Bytes in flight to one terminal above which new frames are queued on disk"
        ),
        .size(
            "outbound_low_watermark",
            \.server.outbound.lowWatermark,
            1 << 10...1 << 30,
            "Bytes in flight to one terminal below which frames are read from disk again"
        ),
        .size(
            "maximum_unfinished_bytes",
            \.server.maximumUnfinishedBytes,
            1 << 20...1 << 40,
            "Memory for the unfinished frames of all connections; above it the connections with the oldest ones are closed"
        ),
    ]
}

extension RelayConfiguration {
    /// The store's seconds as a duration; the table's range and step guarantee that they fit.
    fileprivate var timeToLive: TimeAmount {
        get { .seconds(Int64(self.storeLimits.timeToLive)) }
        set { self.storeLimits.timeToLive = UInt32(clamping: newValue.nanoseconds / 1_000_000_000) }
    }

    /// The same for ``traceRetention``.
    fileprivate var traceRetention: TimeAmount {
        get { .seconds(Int64(self.storeLimits.traceRetention)) }
        set { self.storeLimits.traceRetention = UInt32(clamping: newValue.nanoseconds / 1_000_000_000) }
    }
}

/// The fewest insertions, deletions and replacements of characters that turn `right` into `left` (Levenshtein).
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
