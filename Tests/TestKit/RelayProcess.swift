import Foundation
import Synchronization

/// The real relay: `ttms-relayd` in a process of its own, on free ports of the loopback, with a data directory of its own that
/// outlives its restarts.
public final class RelayProcess: Sendable {
    /// Something about the process was not as it has to be.
    public struct Failure: Error, CustomStringConvertible {
        /// What happened, and what the relay printed last.
        public let description: String
    }

    /// Host and port that terminals connect to.
    public struct Endpoint: Hashable, Sendable {
        /// An IPv4 or IPv6 address without brackets.
        public var host: String
        /// 1...65535.
        public var port: UInt16

        /// Reads `127.0.0.1:7222` or `[::1]:7222`.
        public init?(_ text: String) {
            guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
            self.host = text[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
            self.port = port
        }
    }

    /// What is started in place of the built relay, with the relay's arguments behind its own: a tool that runs one.
    public struct Command: Sendable {
        /// The tool.
        public var program: URL
        /// Its arguments, of which the last is the relay.
        public var arguments: [String]

        /// Makes a command.
        public init(program: URL, arguments: [String]) {
            self.program = program
            self.arguments = arguments
        }
    }

    private struct Endpoints: Decodable {
        var terminals: [String]
        var admin: String
        var pid: Int32
    }

    private struct Running {
        var program: RunningProgram
        var terminals: [Endpoint]
        var admin: AdminClient
    }

    private let root: TemporaryDirectory
    private let settings: [String: String]
    private let listeners: [String]
    private let environment: [String: String]
    private let configurationFile: URL?
    private let command: Command?
    private let running: Mutex<Running?> = Mutex(nil)

    /// Starts a relay and waits until it is ready.
    ///
    /// - Parameters:
    ///   - settings: configuration keys and values, given on its command line.
    ///   - listeners: where terminals connect; port 0 picks a free one.
    ///   - environment: added to the tests' own.
    ///   - dataDirectory: `nil` for one of its own.
    ///   - configurationFile: given as `--config`.
    /// - Throws: ``Failure`` when it ends before it is ready, or is not ready in time.
    public static func start(
        _ settings: [String: String] = [:],
        listeners: [String] = ["127.0.0.1:0"],
        environment: [String: String] = [:],
        dataDirectory: URL? = nil,
        configurationFile: URL? = nil
    ) async throws -> RelayProcess {
        let relay = try RelayProcess(
            settings,
            listeners: listeners,
            dataDirectory: dataDirectory,
            environment: environment,
            configurationFile: configurationFile
        )
        try await relay.start()
        return relay
    }

    /// Makes a relay that does not run yet.
    ///
    /// - Parameters:
    ///   - settings: configuration keys and values, given on its command line.
    ///   - listeners: where terminals connect; port 0 picks a free one.
    ///   - dataDirectory: made by the relay; by default in a directory that is removed with this object.
    ///   - environment: what the process gets beside the environment of the tests.
    ///   - configurationFile: given as `--config`.
    ///   - command: what is started in place of the built relay.
    /// - Throws: when there is no room for its files.
    public init(
        _ settings: [String: String] = [:],
        listeners: [String] = ["127.0.0.1:0"],
        dataDirectory: URL? = nil,
        environment: [String: String] = [:],
        configurationFile: URL? = nil,
        command: Command? = nil
    ) throws {
        self.root = try TemporaryDirectory()
        self.dataDirectory = dataDirectory ?? self.root.url.appendingPathComponent("data")
        self.settings = settings
        self.listeners = listeners
        self.environment = environment
        self.configurationFile = configurationFile
        self.command = command
    }

    // MARK: Where things are

    /// What survives a restart.
    public let dataDirectory: URL

    private var log: URL { self.root.url.appendingPathComponent("relay.log") }

    /// Everything that was printed, over all restarts.
    public var output: String { (try? String(contentsOf: self.log, encoding: .utf8)) ?? "" }

    /// Where terminals connect, in the order of the listeners.
    ///
    /// - Throws: ``Failure`` when it does not run.
    public var terminals: [Endpoint] { get throws { try self.current().terminals } }

    /// Its admin API, with its token.
    ///
    /// - Throws: ``Failure`` when it does not run.
    public var admin: AdminClient { get throws { try self.current().admin } }

    /// The number of its process.
    ///
    /// - Throws: ``Failure`` when it does not run.
    public var pid: Int32 { get throws { try self.current().program.pid } }

    /// Connects a terminal.
    ///
    /// - Throws: ``Failure`` when the relay does not run; ``TerminalClient/Failure`` when it does not accept.
    public func connect(listener: Int = 0, receiveBuffer: Int? = nil) throws -> TerminalClient {
        let terminals = try self.terminals
        guard terminals.indices.contains(listener) else { throw self.failure("there is no listener \(listener)") }
        return try TerminalClient(terminals[listener], receiveBuffer: receiveBuffer)
    }

    // MARK: Its life

    /// Starts it, again on the same data directory.
    ///
    /// - Parameters:
    ///   - listeners: other listeners than it was made with.
    ///   - environment: what the process gets beside the environment that it was made with.
    ///   - log: where it prints to, a file or a named pipe, instead of its own log.
    ///   - limit: how long it may take until it is ready.
    /// - Throws: ``Failure``.
    public func start(
        listeners: [String]? = nil,
        environment: [String: String] = [:],
        log: URL? = nil,
        within limit: Duration = patience
    ) async throws {
        let endpoints = self.dataDirectory.appendingPathComponent("endpoints.json")
        let program = try self.launch(listeners: listeners ?? self.listeners, environment: environment, log: log)
        let ready = try await eventually("the relay writes \(endpoints.path)", within: limit, state: { self.tail }) {
            if let exit = program.exit { throw self.failure("the relay ended with \(exit) before it was ready") }
            // The file of an earlier process has another pid; a file that is being written does not decode.
            let found = (try? Data(contentsOf: endpoints)).flatMap { try? JSONDecoder().decode(Endpoints.self, from: $0) }
            return found?.pid == program.pid ? found : nil
        }
        let token = try String(contentsOf: self.dataDirectory.appendingPathComponent("admin.token"), encoding: .utf8)
        guard let admin = URL(string: ready.admin) else { throw self.failure("'\(ready.admin)' is no URL") }
        let terminals = ready.terminals.compactMap(Endpoint.init)
        guard terminals.count == ready.terminals.count else { throw self.failure("\(ready.terminals) are no addresses") }
        let client = AdminClient(base: admin, token: token.trimmingCharacters(in: .whitespacesAndNewlines))
        self.running.withLock { $0 = Running(program: program, terminals: terminals, admin: client) }
    }

    /// Starts a process on the data directory and leaves it to the caller.
    ///
    /// - Throws: what ``RunningProgram`` throws.
    public func launch(
        listeners: [String],
        environment: [String: String] = [:],
        log: URL? = nil
    ) throws -> RunningProgram {
        let command = try self.command ?? Command(program: BuiltProgram.url("ttms-relayd"), arguments: [])
        var arguments = command.arguments + ["--admin", "127.0.0.1:0", "--data-dir", self.dataDirectory.path]
        if let configurationFile { arguments += ["--config", configurationFile.path] }
        for listener in listeners { arguments += ["--listen", listener] }
        for (key, value) in self.settings.sorted(by: { $0.key < $1.key }) { arguments += ["--set", "\(key)=\(value)"] }
        return try RunningProgram(
            command.program,
            arguments: arguments,
            environment: self.environment.merging(environment) { _, given in given },
            log: log ?? self.log
        )
    }

    /// Asks it to stop (`SIGTERM`), and waits until it has.
    ///
    /// - Parameter code: with which it has to end.
    /// - Throws: ``Failure`` when it ends otherwise.
    public func stop(exit code: Int32 = 0) async throws {
        let exit = try await self.end(by: SIGTERM)
        guard exit == .code(code) else {
            throw self.failure("after SIGTERM the relay ended with \(exit), not with code \(code)")
        }
    }

    /// Ends it at once (`SIGKILL`), as a crash does.
    ///
    /// - Throws: ``Failure`` when it does not run any more.
    public func kill() async throws {
        let exit = try await self.end(by: SIGKILL)
        guard exit == .signal(SIGKILL) else { throw self.failure("the relay had ended with \(exit) before it was killed") }
    }

    /// Waits until it has ended by itself, because an operator drained it.
    ///
    /// - Throws: ``Failure`` when it ends otherwise than with code 0.
    public func waitForEnd() async throws {
        let exit = try await self.current().program.waitForExit()
        self.running.withLock { $0 = nil }
        guard exit == .code(0) else { throw self.failure("after a drain the relay ended with \(exit), not with code 0") }
    }

    private func end(by signal: Int32) async throws -> RunningProgram.Exit {
        let program = try self.current().program
        program.signal(signal)
        let exit = try await program.waitForExit()
        self.running.withLock { $0 = nil }
        return exit
    }

    private func current() throws -> Running {
        guard let running = self.running.withLock({ $0 }) else { throw self.failure("the relay does not run") }
        return running
    }

    // MARK: Failures

    private var tail: String {
        self.output.split(separator: "\n").suffix(40).joined(separator: "\n")
    }

    private func failure(_ what: String) -> Failure {
        Failure(description: "\(what)\n--- the relay's log\n\(self.tail)")
    }

    /// Runs a test against a new relay, and stops it afterwards; a test that throws does so with the relay's log.
    ///
    /// - Throws: ``Failure`` with what `body` has thrown, or when the relay has not stopped as it should.
    public static func with<Value>(
        _ settings: [String: String] = [:],
        listeners: [String] = ["127.0.0.1:0"],
        environment: [String: String] = [:],
        dataDirectory: URL? = nil,
        configurationFile: URL? = nil,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (RelayProcess) async throws -> Value
    ) async throws -> Value {
        let relay = try await Self.start(
            settings,
            listeners: listeners,
            environment: environment,
            dataDirectory: dataDirectory,
            configurationFile: configurationFile
        )
        return try await relay.whileRunning(body)
    }

    /// Runs a test, and stops the relay afterwards if it runs; a test that throws does so with the relay's log.
    ///
    /// - Throws: ``Failure`` with what `body` has thrown, or when the relay has not stopped as it should.
    public func whileRunning<Value>(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (RelayProcess) async throws -> Value
    ) async throws -> Value {
        let value: Value
        do {
            value = try await body(self)
        } catch {
            let failure = self.failure("\(error)")
            if self.running.withLock({ $0 }) != nil { try? await self.kill() }
            throw failure
        }
        if self.running.withLock({ $0 }) != nil { try await self.stop() }
        return value
    }
}
