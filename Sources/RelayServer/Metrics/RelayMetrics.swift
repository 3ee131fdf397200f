import RelayCore

/// The metrics of the relay path and the store, none of them per terminal.
enum RelayMetrics {
    static func families(
        _ shards: [ShardStatistics],
        _ store: GroupCommitStatistics,
        _ ledger: Ledger,
        accepted: UInt64,
        acceptFailures: UInt64,
        connectionsMaximum: Int,
        socketOptionFailures: UInt64,
        isReady: Bool,
        startedAt: Timestamp
    ) -> [MetricFamily] {
        Self.frames(shards, accepted: accepted) + Self.connections(shards) + Self.store(store) + Self.times(shards, store) + [
            MetricFamily(
                "ttms_ledger_imbalance",
                .gauge,
                help: "Accepted frames that are not delivered, queued, in flight, expired, deleted or evicted: always 0.",
                value: ledger.imbalance
            ),
            MetricFamily(
                "ttms_frames_in_flight",
                .gauge,
                help: "Frames written to a connection and not delivered.",
                value: ledger.inFlight
            ),
            MetricFamily("ttms_frames_queued", .gauge, help: "Frames that wait, on disk or in memory.", value: ledger.queued),
            MetricFamily(
                "ttms_frames_requeued_total",
                .counter,
                help: "Frames that were in flight when their connection or the relay ended, and may come twice.",
                value: ledger.requeued
            ),
            MetricFamily(
                "ttms_accept_failures_total",
                .counter,
                help: "Attempts to accept a connection that failed, or were not made for lack of open files.",
                value: acceptFailures
            ),
            MetricFamily(
                "ttms_connections_maximum",
                .gauge,
                help: "Connections that may be open: maximum_connections, or as many as the limit of open files allows.",
                value: connectionsMaximum
            ),
            MetricFamily(
                "ttms_socket_option_failures_total",
                .counter,
                help: "Options of terminals' sockets that the system refused; the connections are served without them.",
                value: socketOptionFailures
            ),
            MetricFamily(
                "ttms_ready",
                .gauge,
                help: "1 while /readyz reports that the relay can do its work.",
                value: isReady ? 1 : 0
            ),
            MetricFamily(
                "ttms_build_info",
                .gauge,
                help: "Always 1; the label is the release.",
                samples: [.init(1, labels: [.init("version", RelayServer.version)])]
            ),
        ] + ProcessMetrics.families(startedAt: startedAt)
    }

    private static func sum(_ shards: [ShardStatistics], _ value: (ShardCounters) -> UInt64) -> UInt64 {
        shards.reduce(0) { $0 &+ value($1.counters) }
    }

    private static func frames(_ shards: [ShardStatistics], accepted: UInt64) -> [MetricFamily] {
        func counter(_ name: String, _ help: String, _ value: (ShardCounters) -> UInt64) -> MetricFamily {
            MetricFamily("ttms_\(name)_total", .counter, help: help, value: Self.sum(shards, value))
        }
        return [
            counter("heartbeats", "Heartbeats answered.") { $0.heartbeats },
            MetricFamily(
                "ttms_frames_accepted_total",
                .counter,
                help: "Data frames accepted from terminals and operators, without those that a cap rejected.",
                value: accepted
            ),
            counter("frames_accepted_bytes", "Bytes of the data frames read, with those that a cap rejected.") {
                $0.acceptedBytes
            },
            counter("frames_delivered", "Data frames that their destination has acknowledged.") { $0.delivered },
            counter("frames_delivered_bytes", "Bytes of the data frames delivered.") { $0.deliveredBytes },
            counter("frames_journaled", "Frames in flight that were journalled because they were not delivered in time.") {
                $0.journaled
            },
            counter("frames_unsound", "Frames accepted although their checksum did not hold.") { $0.unsound },
            counter("frames_ignored", "Frames of unknown commands that were ignored.") { $0.ignored },
        ]
    }

    private static func connections(_ shards: [ShardStatistics]) -> [MetricFamily] {
        func gauge(_ name: String, _ help: String, _ value: (ShardStatistics) -> Int) -> MetricFamily {
            MetricFamily("ttms_\(name)", .gauge, help: help, value: shards.reduce(0) { $0 + value($1) })
        }
        func counter(_ name: String, _ help: String, _ value: (ShardCounters) -> UInt64) -> MetricFamily {
            MetricFamily("ttms_\(name)_total", .counter, help: help, value: Self.sum(shards, value))
        }
        let closed = CloseReason.allCases.enumerated().map { index, reason in
            MetricFamily.Sample(
                Double(Self.sum(shards) { $0.closed[index] }),
                labels: [.init("reason", reason.rawValue)]
            )
        }
        return [
            gauge("connections", "Open connections, registered or not.") { $0.connections },
            MetricFamily(
                "ttms_connections_paused",
                .gauge,
                help: "Senders that are not read from because the store is behind, or has no room (when_full: push-back).",
                samples: Self.byPause(
                    behind: shards.reduce(0) { $0 + Double($1.pausedConnections) },
                    noRoom: shards.reduce(0) { $0 + Double($1.heldBackConnections) }
                )
            ),
            gauge("terminals_online", "Terminals with a connection.") { $0.terminalsOnline },
            gauge("terminals_known", "Terminals seen and remembered, online or offline.") { $0.terminalsKnown },
            gauge("unacknowledged_bytes", "Bytes put on connections and not acknowledged.") { $0.inFlightBytes },
            gauge("unfinished_bytes", "Memory for frames whose rest the peers have not sent.") { $0.unfinishedBytes },
            gauge("held_back_bytes", "Memory for bytes from held-back senders that are not handled yet.") {
                $0.heldBackBytes
            },
            counter("connections_accepted", "Connections accepted.") { $0.connectionsAccepted },
            MetricFamily(
                "ttms_connections_closed_total",
                .counter,
                help: "Connections that ended, by reason.",
                samples: closed
            ),
            counter("unread_bytes", "Bytes that had arrived and were not handled when their connections ended.") {
                $0.unreadBytes
            },
            counter("registrations", "Terminals registered by a heartbeat on a new connection.") { $0.registrations },
            counter("takeovers", "Terminals that a newer connection took over.") { $0.takeovers },
            counter("connection_probes", "Silent connections that were probed because the relay was full.") { $0.probes },
            counter("spills", "Times that a slow terminal began to be fed from disk.") { $0.spills },
            MetricFamily(
                "ttms_pauses_total",
                .counter,
                help: "Times that a sender was held back because the store was behind, or had no room.",
                samples: Self.byPause(
                    behind: Double(Self.sum(shards) { $0.pauses }),
                    noRoom: Double(Self.sum(shards) { $0.fullPauses })
                )
            ),
        ]
    }

    private static func byPause(behind: Double, noRoom: Double) -> [MetricFamily.Sample] {
        [(ConnectionSnapshot.Pause.storeBehind, behind), (.noRoom, noRoom)].map { reason, value in
            MetricFamily.Sample(value, labels: [.init("reason", reason.rawValue)])
        }
    }

    private static func times(_ shards: [ShardStatistics], _ store: GroupCommitStatistics) -> [MetricFamily] {
        func sum(_ value: (ShardCounters) -> Histogram) -> Histogram {
            shards.reduce(into: Histogram(Histogram.latencies)) { $0.add(value($1.counters)) }
        }
        return [
            MetricFamily(
                "ttms_delivery_durable_seconds",
                help: "From submitting a frame to the store until it was on disk, for each stored frame.",
                store.durableTimes
            ),
            MetricFamily(
                "ttms_delivery_waiting_seconds",
                help: "From accepting a frame until it was read from disk for its terminal, for the oldest of each read.",
                store.waitingTimes
            ),
            MetricFamily(
                "ttms_delivery_acknowledged_seconds",
                help: """
                    From writing a frame until the relay knew that it was delivered, for each frame; it samples a few \
                    milliseconds after the write.
                    """,
                sum(\.acknowledgedTimes)
            ),
            MetricFamily(
                "ttms_event_loop_delay_seconds",
                help: "Lateness of an event loop for a timer, four times a second on each: a frame waits as long to be read.",
                sum(\.timerDelays)
            ),
            MetricFamily(
                "ttms_store_commit_seconds",
                help: "Group commits that succeeded, each with one fsync.",
                store.commitTimes
            ),
            MetricFamily(
                "ttms_store_turn_seconds",
                help: "Work of the store's thread between two commits, during which new submissions wait.",
                store.turnTimes
            ),
            MetricFamily(
                "ttms_store_read_seconds",
                help: "Reads of queued frames, each for one terminal.",
                store.readTimes
            ),
        ]
    }

    private static func store(_ store: GroupCommitStatistics) -> [MetricFamily] {
        let totals = store.totals
        return [
            MetricFamily("ttms_store_frames", .gauge, help: "Frames on disk.", value: totals.frames),
            MetricFamily("ttms_store_bytes", .gauge, help: "Bytes of the frames on disk.", value: totals.bytes),
            MetricFamily(
                "ttms_store_terminals",
                .gauge,
                help: "Terminals for which frames are on disk.",
                value: totals.terminals
            ),
            MetricFamily(
                "ttms_store_pending_bytes",
                .gauge,
                help: "Bytes of frames given to the store and not durable yet.",
                value: store.pendingBytes
            ),
            MetricFamily(
                "ttms_store_commit_failures_total",
                .counter,
                help: "Group commits that failed and are tried again.",
                value: store.failures
            ),
            MetricFamily(
                "ttms_store_frames_queued_total",
                .counter,
                help: "Frames ever stored on disk.",
                value: totals.appended
            ),
            MetricFamily(
                "ttms_store_frames_removed_total",
                .counter,
                help: "Frames removed from disk because they are delivered.",
                value: totals.removed
            ),
            MetricFamily(
                "ttms_store_frames_expired_total",
                .counter,
                help: "Frames whose time to live ended.",
                value: totals.expired
            ),
            MetricFamily(
                "ttms_store_frames_deleted_total",
                .counter,
                help: "Frames deleted by an operator.",
                value: totals.deleted
            ),
            MetricFamily(
                "ttms_store_frames_evicted_total",
                .counter,
                help: "Oldest frames dropped at a cap.",
                value: totals.evicted
            ),
            MetricFamily(
                "ttms_store_frames_rejected_total",
                .counter,
                help: "Newest frames rejected at a cap.",
                value: totals.rejected
            ),
            MetricFamily(
                "ttms_store_traces",
                .gauge,
                help: "Messages whose trace is retained, queued or ended.",
                value: store.traceTotals.traces
            ),
            MetricFamily(
                "ttms_store_messages_untraced_total",
                .counter,
                help: "Messages that were not traced, because maximum_traces was used up by messages still queued.",
                value: store.traceTotals.untraced
            ),
            MetricFamily(
                "ttms_store_traces_forgotten_early_total",
                .counter,
                help: "Ended messages whose traces were dropped before trace_retention, at maximum_traces.",
                value: store.traceTotals.forgottenEarly
            ),
            MetricFamily(
                "ttms_store_idempotency_keys",
                .gauge,
                help: "Idempotency keys that are retained.",
                value: store.traceTotals.keys
            ),
        ]
    }
}
