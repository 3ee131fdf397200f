import RelayCore
import TTMSProtocol

/// What a connection sent that is no frame, as people are shown it. An object, because hardly any connection has one.
final class ForeignBytes: Sendable {
    /// The first bytes of it, escaped.
    let shown: String
    /// What they look like; `nil` when that is not known.
    let guess: String?

    init(_ bytes: some Collection<UInt8>) {
        self.shown = ForeignProtocol.escaped(bytes)
        self.guess = ForeignProtocol.guess(bytes)
    }

    /// Both in one sentence.
    var detail: String {
        "Where a frame should begin came \"\(self.shown)\"" + (self.guess.map { ", which looks like \($0)." } ?? ".")
    }
}
