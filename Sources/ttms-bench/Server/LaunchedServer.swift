import Foundation
import Glibc

/// A server that was started for one scenario, with a directory of its own that is removed with it.
final class LaunchedServer {
    /// The server's address and process.
    let server: Server
    private let process: Process
    private let directory: URL

    /// Seconds that a server may take to listen, and to end.
    private static let patience = 20.0

    /// Starts a server, and waits until it accepts connections.
    ///
    /// - Throws: ``LoadFailure``, with the end of the server's output.
    init(_ launch: ServerLaunch) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "ttms-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let port = try Self.freePort()
        func filled(_ text: String) -> String {
            text.replacingOccurrences(of: "{port}", with: "\(port)").replacingOccurrences(
                of: "{directory}",
                with: directory.path
            )
        }
        for (name, text) in launch.files { try Data(filled(text).utf8).write(to: directory.appending(path: name)) }
        let log = directory.appending(path: "log")
        try Data().write(to: log)
        let output = try FileHandle(forWritingTo: log)
        let process = Process()
        process.executableURL = URL(filePath: launch.program)
        process.arguments = launch.arguments.map(filled)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        do {
            try Self.withoutBlockedSignals { try process.run() }
            self.server = try await Self.ready(launch, process, port: port, directory: directory)
        } catch {
            let printed = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            try? FileManager.default.removeItem(at: directory)
            throw LoadFailure("\(launch.name) (\(launch.program)) did not start: \(error)\n\(printed.suffix(2_000))")
        }
        self.process = process
        self.directory = directory
        Interruption.shared.watch(process.processIdentifier, directory: directory.path)
    }

    /// Ends the server, and removes its directory.
    func stop() async {
        self.process.terminate()
        let end = LoadClock.now + UInt64(Self.patience * 1e9)
        while self.process.isRunning, LoadClock.now < end { try? await Task.sleep(for: .milliseconds(10)) }
        if self.process.isRunning { kill(self.process.processIdentifier, SIGKILL) }
        Interruption.shared.unwatch()
        try? FileManager.default.removeItem(at: self.directory)
    }

    /// Swift's threads block most signals, and a process inherits that from the thread that starts it. SIGTERM would not reach
    /// it.
    private static func withoutBlockedSignals(_ body: () throws -> Void) rethrows {
        var (none, before) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try body()
    }

    private static func ready(_ launch: ServerLaunch, _ process: Process, port: UInt16, directory: URL) async throws -> Server {
        let end = LoadClock.now + UInt64(Self.patience * 1e9)
        while LoadClock.now < end {
            guard process.isRunning else { throw LoadFailure("it ended with code \(process.terminationStatus)") }
            if launch.isRelay {
                if let server = try? Server.relay(in: directory.appending(path: "data").path, name: launch.name) {
                    return server
                }
            } else {
                let address = SocketAddress(host: "127.0.0.1", port: port)
                // `Stream` connects and sends nothing, which a server has to tolerate.
                if (try? Stream(address)) != nil {
                    var server = Server(name: launch.name, protocol: launch.protocol, address: address)
                    server.storesMessages = false
                    server.process = ServerProcess(pid: process.processIdentifier)
                    return server
                }
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw LoadFailure("it did not listen within \(Int(Self.patience)) s")
    }

    /// A port of the loopback on which no process listens.
    private static func freePort() throws -> UInt16 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(socket, address, size) == 0 && getsockname(socket, address, &size) == 0
            }
        }
        guard isBound else { throw LoadFailure("no port is free: \(String(cString: strerror(errno)))") }
        return UInt16(bigEndian: address.sin_port)
    }
}
