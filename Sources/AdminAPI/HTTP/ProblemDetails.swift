/// The body of every error answer (RFC 9457), as `application/problem+json`.
public struct ProblemDetails: Codable, Equatable, Sendable, Error {
    /// The media type of the body.
    public static let mediaType = "application/problem+json"

    /// A URN that contains the code.
    public var type: String
    /// A short description, equal for all problems with this code.
    public var title: String
    /// The answer's HTTP status.
    public var status: Int
    /// The problem of this request, and the remedy.
    public var detail: String
    /// A URN that contains the request's id, which is also in the relay's log.
    public var instance: String?
    /// The stable code for programs.
    public var code: ProblemCode
    /// The invalid places in the request, for problems that have such.
    public var errors: [Flaw]?
    /// The frames that were accepted and will be delivered, when others of the request were not.
    public var taken: [MessageReceipt]?
    /// The message's events in order, when it could not be deleted.
    public var history: [MessageEvent]?

    /// One invalid place in a request.
    public struct Flaw: Codable, Equatable, Sendable {
        /// A JSON pointer into the body, such as `/payload`, or the parameter's name.
        public var pointer: String
        /// The fault, and the allowed values.
        public var detail: String

        /// Names a place and its fault.
        public init(pointer: String, detail: String) {
            self.pointer = pointer
            self.detail = detail
        }
    }

    /// Makes a problem.
    ///
    /// - Parameters:
    ///   - detail: the problem and its remedy; the title when there is no more to add.
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
