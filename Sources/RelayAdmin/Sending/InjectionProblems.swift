import AdminAPI
import RelayCore
import TTMSProtocol

/// Makes the problems of refused frames, in terms of the settings that operators can change.
struct InjectionProblems: Sendable {
    let settings: any RelaySettings

    /// The problem of one frame. An error of any other kind is thrown again.
    func problem(of error: any Error, for ccid: CCID) async throws -> ProblemDetails {
        switch error {
        case InjectionError.rejected(let cap):
            ProblemDetails(
                .queueFull,
                detail: "The frame for the terminal \(ccid) was refused: \(await self.reason(of: cap))"
            )
        case let error as InjectionError: ProblemDetails(error)
        case let error as StoreError: ProblemDetails(error)
        default: throw error
        }
    }

    /// The reason for which a cap refuses a frame, and the remedy, in one or two sentences.
    func reason(of cap: StoreLimits.Cap) async -> String {
        let advice = "Deliver or delete messages, or raise the limit."
        guard let key = cap.settingKey else {
            return switch cap {
            case .eviction: "the oldest frame had to be evicted for it, and could not be read. The relay's log has the cause."
            default: "the store has no more numbers for its terminal or frames. Empty the store, and restart the relay."
            }
        }
        let settings = await self.settings.settings()
        let value = { key in settings.first { $0.key == key }?.value }
        let limit = "`\(key)`\(value(key).map { " (\($0))" } ?? "") is reached"
        guard cap != .terminals else { return "\(limit), and another terminal would exceed it. \(advice)" }
        let policy = value("when_full").map { ", as `when_full` is \($0)" } ?? ""
        return "\(limit), and no frame is evicted for a new one\(policy). \(advice)"
    }
}

extension StoreLimits.Cap {
    /// The setting of the cap; `nil` when it is none.
    var settingKey: String? {
        switch self {
        case .terminalFrames: "maximum_frames_per_terminal"
        case .terminalBytes: "maximum_bytes_per_terminal"
        case .totalFrames: "maximum_frames"
        case .totalBytes: "maximum_bytes"
        case .terminals: "maximum_terminals"
        case .identifiers, .eviction: nil
        }
    }
}
