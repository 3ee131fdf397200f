import RelayCore
import TTMSProtocol

/// The bytes that a connection sent instead of a frame, in a form for people. An object, because hardly any connection has one.
final class ForeignBytes: Sendable {
    /// The first of the bytes, escaped.
    let shown: String
    /// The protocol that they resemble; `nil` when it is not known.
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
