/// What the body of every error answer says (RFC 9457), as `application/problem+json`.
public struct ProblemDetails: Codable, Equatable, Sendable, Error {
    /// The media type of the body.
    public static let mediaType = "application/problem+json"

    /// A URN made of the code.
    public var type: String
    /// A few words, the same for every problem with this code.
    public var title: String
    /// The answer's HTTP status.
    public var status: Int
    /// What happened here, and what to do.
    public var detail: String
    /// A URN made of the request's id, which the log has, too.
    public var instance: String?
    /// What programs decide by.
    public var code: ProblemCode
    /// The places in the request that are wrong, if it is places.
    public var errors: [Flaw]?
    /// When some of several frames were not taken: those that were, and will be delivered.
    public var taken: [MessageReceipt]?
    /// When a message could not be called back: what happened to it, in order.
    public var history: [MessageEvent]?

    /// One place in a request that is wrong.
    public struct Flaw: Codable, Equatable, Sendable {
        /// A JSON pointer into the body such as `/payload`, or the parameter's name.
        public var pointer: String
        /// What is wrong with it, and what is allowed.
        public var detail: String

        /// Names a place and what is wrong with it.
        public init(pointer: String, detail: String) {
            self.pointer = pointer
            self.detail = detail
        }
    }

    /// Makes a problem.
    ///
    /// - Parameters:
    ///   - detail: what happened, and what to do; the title when there is nothing to add.
    ///   - requestID: the request's id.
    public init(
        _ code: ProblemCode,
        detail: String? = nil,
        requestID: String? = nil,
        errors: [Flaw]? = nil,
        taken: [MessageReceipt]? = nil
    ) {
        self.type = "urn:ttms-relay:problem:\(code.rawValue)"
        self.title = code.title
        self.status = code.status
        self.detail = detail ?? "\(code.title)."
        self.instance = requestID.map { "urn:ttms-relay:request:\($0)" }
        self.code = code
        self.errors = errors
        self.taken = taken
    }
}
