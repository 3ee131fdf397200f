/// What became of many messages sent at once.
public struct BulkReceipt: Codable, Equatable, Sendable {
    /// One per sending: message by message, destination by destination, in the order of the request.
    public var data: [Sending]
    /// How it went as a whole.
    public var meta: Summary

    /// What became of one payload for one terminal.
    public struct Sending: Codable, Equatable, Sendable {
        /// Which of the request's messages it is, from 0.
        public var message: Int
        /// The destination; `nil` when the request names none, or something else.
        @Nullable public var ccid: String?
        /// The status that a request for this one alone would have had.
        public var status: Int
        /// The receipt; `nil` when it was not taken.
        @Nullable public var receipt: MessageReceipt?
        /// Whether its key had been used before, so that nothing was sent now.
        public var repeated: Bool
        /// Why it was not taken; `nil` when it was.
        @Nullable public var problem: ProblemDetails?

        /// Makes what became of a sending.
        public init(
            message: Int,
            ccid: String?,
            status: Int,
            receipt: MessageReceipt?,
            repeated: Bool,
            problem: ProblemDetails?
        ) {
            self.message = message
            self.ccid = ccid
            self.status = status
            self.receipt = receipt
            self.repeated = repeated
            self.problem = problem
        }
    }

    /// Sendings by what became of them.
    public struct Summary: Codable, Equatable, Sendable {
        /// Those that were taken, now or before.
        public var taken: Int
        /// Those that were not.
        public var refused: Int

        /// Makes a summary.
        public init(taken: Int, refused: Int) {
            self.taken = taken
            self.refused = refused
        }
    }

    /// Makes a receipt.
    public init(data: [Sending]) {
        self.data = data
        let taken = data.count { $0.receipt != nil }
        self.meta = Summary(taken: taken, refused: data.count - taken)
    }
}
