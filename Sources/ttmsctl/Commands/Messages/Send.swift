import AdminAPI
import ArgumentParser
import TTMSProtocol

/// Sends a message to a terminal.
struct Send: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send a message to a terminal: at once if it is online, and queued for it otherwise."
    )

    @Argument(help: .ccid("The terminal that gets it"))
    var ccid: CCID

    @Argument(help: "The payload as text.")
    var text: String?

    @Option(help: ArgumentHelp("The payload as hex digits.", valueName: "digits"))
    var hex: String?

    @Option(help: ArgumentHelp("The payload in base64.", valueName: "text"))
    var base64: String?

    @Option(help: ArgumentHelp("The file whose bytes are the payload; - is standard input.", valueName: "file"))
    var file: String?

    @Option(help: .ccid("The source that the terminal sees. (default: 00000000)"))
    var source: CCID?

    @Option(help: ArgumentHelp("The time to live, such as 90s or 7d; 0 is for ever. (default: the relay's)", valueName: "time"))
    var timeToLive: TimeToLive?

    @Option(
        help: ArgumentHelp(
            "Wait for the acknowledgement, 1s to 25s. Without it the exit code is 1, and the message stays queued.",
            valueName: "time"
        )
    )
    var wait: TimeToLive?

    @Option(
        help: ArgumentHelp(
            "A name for this sending. A repeated command with the same name sends nothing, and prints the first receipt.",
            valueName: "name"
        )
    )
    var idempotencyKey: String?

    @Flag(help: "Send nothing; show the bytes, the place in the queue, and the messages that would be evicted.")
    var preview = false

    @OptionGroup var relay: RelayOptions

    /// Seconds that the admin API lets a request wait.
    private static let waits: ClosedRange<UInt32> = 1...25

    func validate() throws {
        let given = [self.text, self.hex, self.base64, self.file].compactMap(\.self)
        guard given.count == 1 else {
            throw ValidationError("Give the payload once: as TEXT, or by --hex, --base64 or --file.")
        }
        if let wait = self.wait, !Self.waits.contains(wait.seconds) { throw ValidationError("--wait takes 1s to 25s.") }
        if self.preview, self.wait != nil { throw ValidationError("Give --preview or --wait: a preview sends nothing.") }
        if self.file == InputFile.standardInput, self.relay.tokenFile == InputFile.standardInput {
            throw ValidationError("Standard input can be the payload or the token, not both.")
        }
        if let key = self.idempotencyKey {
            guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
                throw ValidationError("--idempotency-key takes 1 to 255 printable ASCII characters.")
            }
        }
        if let hex = self.hex, PayloadEncoding.hex.decode(hex) == nil {
            throw ValidationError("--hex takes an even number of hex digits and nothing else.")
        }
        if let base64 = self.base64, PayloadEncoding.base64.decode(base64) == nil {
            throw ValidationError("--base64 takes base64 with its padding, and nothing else.")
        }
    }

    func run() async throws {
        let client = try self.relay.client()
        let path = RoutePath.terminalMessages.path(self.ccid.description)
        if self.preview {
            let query = ["preview": "true"]
            let preview = try await client.post(MessagePreview.self, path, query: query, body: try self.request())
            switch self.relay.output {
            case .json: try Console.write(json: preview)
            case .table: for line in Self.lines(preview) { Console.write(line) }
            }
            return
        }
        let (receipt, isRepeated) = try await client.send(
            try self.request(),
            to: path,
            query: self.wait.map { ["wait_ms": "\($0.seconds * 1_000)"] } ?? [:],
            idempotencyKey: self.idempotencyKey
        )
        switch self.relay.output {
        case .json: try Console.write(json: receipt)
        case .table: Console.write(Self.line(receipt, isRepeated: isRepeated))
        }
        if let wait = self.wait, !receipt.isDelivered { throw Self.notDelivered(receipt, after: wait) }
    }

    /// The failure of a message that was not delivered in time.
    private static func notDelivered(_ receipt: MessageReceipt, after wait: TimeToLive) -> Failure {
        let reason =
            switch receipt.state {
            case .expired, .deleted, .evicted: "was not delivered: it is \(receipt.state.rawValue)"
            case _ where !receipt.traced: "is not traced, so its end cannot be waited for"
            default: "was not acknowledged within \(wait.seconds) s"
            }
        return Failure(.refused, "Message \(receipt.id) \(reason). See ttmsctl message why \(receipt.id).")
    }

    /// The body of the request.
    func request() throws(Failure) -> SendMessageRequest {
        let payload: (text: String, encoding: PayloadEncoding)
        if let hex = self.hex {
            payload = (hex, .hex)
        } else if let base64 = self.base64 {
            payload = (base64, .base64)
        } else if let file = self.file {
            payload = PayloadEncoding.base64.encode(try Self.contents(of: file))
        } else {
            payload = (self.text ?? "", .utf8)
        }
        return SendMessageRequest(
            source: self.source?.description,
            payload: payload.text,
            payloadEncoding: payload.encoding,
            timeToLiveSeconds: self.timeToLive?.seconds
        )
    }

    static func line(_ receipt: MessageReceipt, isRepeated: Bool = false) -> String {
        let end =
            receipt.traced ? "" : "; it is not traced, so its states will not be recorded (maximum_traces)"
        let beginning = isRepeated ? "sent before with the same idempotency key, and not again: " : ""
        return beginning + Self.result(receipt) + end
    }

    private static func result(_ receipt: MessageReceipt) -> String {
        switch receipt.state {
        case .accepted, .queued:
            "queued for \(receipt.ccid) with id \(receipt.id): it is on disk, and is sent at the terminal's next heartbeat"
        case .inFlight: "written to \(receipt.ccid), with id \(receipt.id)"
        case .acknowledged, .confirmed: "delivered to \(receipt.ccid), with id \(receipt.id): its kernel has acknowledged it"
        case .expired, .deleted, .evicted: "not delivered to \(receipt.ccid), with id \(receipt.id): \(receipt.state.rawValue)"
        }
    }

    static func lines(_ preview: MessagePreview) -> [String] {
        var fields = [
            ("destination", "\(preview.ccid), \(preview.terminalState.rawValue)"),
            ("source", preview.source),
            ("frame", "\(preview.frame), \(preview.frameBytes) bytes"),
            ("frames ahead", "\(preview.framesAhead)"),
            ("expires", preview.expiresAt ?? "never"),
        ]
        if let rejection = preview.rejection { fields.append(("refused", preview.rejectionDetail ?? rejection)) }
        if preview.evictedFrames > 0 {
            let ids = preview.evicted.joined(separator: ", ")
            fields.append(("would evict", "\(preview.evictedFrames) messages: \(ids)"))
        }
        return Table.fields(fields)
    }

    private static func contents(of path: String) throws(Failure) -> [UInt8] {
        let file = InputFile(path: path)
        let maximum = Frame.maximumSize - Frame.minimumSize
        do {
            return try file.contents(limit: maximum)
        } catch .tooLarge {
            throw Failure(.badInput, "\(file.name) does not fit into a frame: a payload has at most \(maximum) bytes.")
        } catch {
            throw Failure(.noInput, "\(file.name) cannot be read: \(error.reason).")
        }
    }
}

/// A duration in seconds, written with a unit.
struct TimeToLive: ExpressibleByArgument, Equatable, Sendable {
    /// The number of seconds; 0 is for ever.
    var seconds: UInt32

    init(seconds: UInt32) {
        self.seconds = seconds
    }

    /// Reads `90s`, `15m`, `1h`, `7d` or `0`.
    init?(argument: String) {
        let units: [Character: UInt32] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        if argument == "0" {
            self.seconds = 0
            return
        }
        guard let unit = argument.last.flatMap({ units[$0] }), let count = UInt32(argument.dropLast()), count > 0 else {
            return nil
        }
        let (seconds, overflow) = count.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        self.seconds = seconds
    }

    /// The text of a default value in the help.
    var defaultValueDescription: String {
        self.seconds > 0 && self.seconds.isMultiple(of: 60) ? "\(self.seconds / 60)m" : "\(self.seconds)s"
    }
}

extension MessageReceipt {
    /// Whether the message is delivered.
    fileprivate var isDelivered: Bool { self.state == .acknowledged || self.state == .confirmed }
}
