/// The outcome of a request that sends many messages.
public struct BulkReceipt: Codable, Equatable, Sendable {
    /// One per sending: message by message, destination by destination, in the order of the request.
    public var data: [Sending]
    /// The counts of taken and refused sendings.
    public var meta: Summary

    /// The outcome of one payload for one terminal.
    public struct Sending: Codable, Equatable, Sendable {
        /// The index of the message in the request, from 0.
        public var message: Int
        /// The destination; `nil` when the request names none, or no CCID.
        @Nullable public var ccid: String?
        /// The status that a request for this sending alone would have had.
        public var status: Int
        /// The receipt; `nil` when the sending was refused.
        @Nullable public var receipt: MessageReceipt?
        /// Whether its key had been used before, so that this request sent nothing.
        public var repeated: Bool
        /// The reason of a refusal; `nil` when it was taken.
        @Nullable public var problem: ProblemDetails?

        /// Makes the outcome of a sending.
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

    /// The counts of sendings by outcome.
    public struct Summary: Codable, Equatable, Sendable {
        /// The sendings that were taken, now or before.
        public var taken: Int
        /// The sendings that were refused.
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
