import Foundation
import Testing

/// What a frame may cost the relay, counted and not timed, so that it is the same on a machine that is slow or busy. All suites are
/// nested here and run one after the other.
@Suite(.serialized, .enabled(if: JudgedBuild.isGiven, JudgedBuild.reason))
enum Gates {
    /// Of the relays that are judged. The journal waits: on a busy machine an acknowledgement may come after the default's 10 ms, and
    /// what goes to disk then is not the steady state.
    static let settings = ["event_loops": "1", "journal_after": "1m", "log_level": "warning"]
}

/// The release build, because what a debug build allocates says nothing.
enum JudgedBuild {
    static let reason: Comment = "gates judge the release build, which make gates names in BUILT_TTMS_RELAYD"

    static var isGiven: Bool { ProcessInfo.processInfo.environment["BUILT_TTMS_RELAYD"] != nil }
}
