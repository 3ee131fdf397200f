import AdminAPI
import RelayCore
import TTMSProtocol

/// What operators are told when a frame is not taken, in the words of the settings that they can change.
struct InjectionProblems: Sendable {
    let settings: any RelaySettings

    /// The problem of one frame; an error that is none of a frame's is thrown on.
    func problem(of error: any Error, for ccid: CCID) async throws -> ProblemDetails {
        switch error {
        case InjectionError.rejected(let cap):
            ProblemDetails(
                .queueFull,
                detail: "The frame for the terminal \(ccid) was not taken: \(await self.reason(of: cap))"
            )
        case let error as InjectionError: ProblemDetails(error)
        case let error as StoreError: ProblemDetails(error)
        default: throw error
        }
    }

    /// Why a cap keeps a frame out, and what to do: a sentence or two.
    func reason(of cap: StoreLimits.Cap) async -> String {
        let advice = "Deliver or delete messages, or raise the limit."
        guard let key = cap.settingKey else {
            return switch cap {
            case .eviction: "room had to be made for it, and the oldest frame could not be read. The relay's log says why."
            default: "the store has no number left for its terminal, or for its frames. Empty the store, and start anew."
            }
        }
        let settings = await self.settings.settings()
        let value = { key in settings.first { $0.key == key }?.value }
        let limit = "`\(key)`\(value(key).map { " (\($0))" } ?? "") is reached"
        guard cap != .terminals else { return "\(limit), and another terminal would be beyond it. \(advice)" }
        let policy = value("when_full").map { ", as `when_full` is \($0)" } ?? ""
        return "\(limit), and nothing gives way to a new frame\(policy). \(advice)"
    }
}

extension StoreLimits.Cap {
    /// The setting that it is; `nil` when it is none.
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
