import CLinuxTCP
import Logging
import NIOCore
import RelayCore
import Synchronization

#if canImport(Glibc)
import Glibc
#endif

/// The options of terminals' sockets. They are set on the listening socket, from which Linux passes them to each accepted one.
///
/// A system that does not know an option refuses it; connections are served without it. Each option is logged once, and all
/// failures are counted.
final class SocketOptions: Sendable {
    /// One option with its value.
    struct Option: Sendable {
        var level: CInt
        var number: CInt
        var value: CInt
        var name: String
        /// Whether the kernel returns the value as it was set. It doubles buffer sizes, and bounds them.
        var isExact = true
    }

    let options: [Option]
    private let logger: Logger
    private let state = Mutex((failures: UInt64(0), logged: Set<String>()))

    init(_ tcp: TCPOptions, logger: Logger) {
        self.options = Self.options(tcp)
        self.logger = logger
    }

    /// The number of failed attempts to set an option.
    var failures: UInt64 { self.state.withLock(\.failures) }

    /// Sets all options; those that the system refuses are left out.
    func set(on descriptor: CInt) {
        for option in self.options { self.set(option, on: descriptor) }
    }

    /// Sets one option.
    ///
    /// - Returns: whether the system accepted it.
    @discardableResult
    func set(_ option: Option, on descriptor: CInt) -> Bool {
        let status = linux_tcp_set(descriptor, option.level, option.number, option.value)
        guard status != 0 else { return true }
        let isNews = self.state.withLock { state in
            state.failures += 1
            return state.logged.insert(option.name).inserted
        }
        if isNews {
            self.logger.warning(
                "A socket option could not be set; connections are served without it, and it is not logged again",
                metadata: [
                    "option": "\(option.name)", "value": "\(option.value)", "error": "\(String(cString: strerror(-status)))",
                    "advice": "Keepalive and timeouts find dead connections; without them those stay open longer.",
                ]
            )
        }
        return false
    }

    /// Whether the socket has the options' values.
    func areSet(on descriptor: CInt) -> Bool {
        self.options.allSatisfy { option in
            let value = linux_tcp_get(descriptor, option.level, option.number)
            return option.isExact ? value == option.value : value >= option.value
        }
    }

    /// The probes of a silent peer while the relay is full: it is lost after ``probeCount`` probes without an answer, about 6 s.
    private static let probeInterval: CInt = 2
    private static let probeCount: CInt = 3

    /// Makes the kernel check within seconds whether the peer is alive, or restores the settings of `tcp`. A failure leaves the
    /// connection as it is.
    ///
    /// - Parameter hasUnacknowledged: whether bytes are on their way to the peer; the kernel then sends those again in place of
    ///   probes.
    static func probe(_ descriptor: CInt, _ isProbing: Bool, hasUnacknowledged: Bool, _ tcp: TCPOptions) {
        func set(_ number: CInt, _ value: CInt) { _ = linux_tcp_set(descriptor, CInt(IPPROTO_TCP), number, value) }
        let timeout = hasUnacknowledged ? Self.probeInterval * Self.probeCount * 1_000 : 0
        let userTimeout = CInt(clamping: tcp.userTimeout.nanoseconds / 1_000_000)
        // With a user timeout the kernel would not count probes.
        set(TCP_USER_TIMEOUT, isProbing ? timeout : userTimeout)
        if tcp.keepaliveIdle <= .zero { _ = linux_tcp_set(descriptor, SOL_SOCKET, SO_KEEPALIVE, isProbing ? 1 : 0) }
        set(TCP_KEEPINTVL, isProbing ? Self.probeInterval : Self.seconds(tcp.keepaliveInterval))
        set(TCP_KEEPCNT, isProbing ? Self.probeCount : CInt(clamping: tcp.keepaliveProbes))
        // This comes last, because it starts the timer.
        set(TCP_KEEPIDLE, isProbing ? 1 : Self.seconds(max(tcp.keepaliveIdle, .seconds(1))))
    }

    private static func options(_ tcp: TCPOptions) -> [Option] {
        let level = CInt(IPPROTO_TCP)
        var options = [Option(level: level, number: TCP_NODELAY, value: 1, name: "TCP_NODELAY")]
        if tcp.keepaliveIdle > .zero {
            options += [
                Option(level: SOL_SOCKET, number: SO_KEEPALIVE, value: 1, name: "SO_KEEPALIVE"),
                Option(level: level, number: TCP_KEEPIDLE, value: Self.seconds(tcp.keepaliveIdle), name: "TCP_KEEPIDLE"),
                Option(level: level, number: TCP_KEEPINTVL, value: Self.seconds(tcp.keepaliveInterval), name: "TCP_KEEPINTVL"),
                Option(level: level, number: TCP_KEEPCNT, value: CInt(clamping: tcp.keepaliveProbes), name: "TCP_KEEPCNT"),
            ]
        }
        if tcp.userTimeout > .zero {
            let milliseconds = CInt(clamping: tcp.userTimeout.nanoseconds / 1_000_000)
            options.append(Option(level: level, number: TCP_USER_TIMEOUT, value: milliseconds, name: "TCP_USER_TIMEOUT"))
        }
        if tcp.sendBuffer > 0 {
            let size = CInt(clamping: tcp.sendBuffer)
            options.append(Option(level: SOL_SOCKET, number: SO_SNDBUF, value: size, name: "SO_SNDBUF", isExact: false))
        }
        if tcp.unsentLimit > 0 {
            let limit = CInt(clamping: tcp.unsentLimit)
            options.append(Option(level: level, number: TCP_NOTSENT_LOWAT, value: limit, name: "TCP_NOTSENT_LOWAT"))
        }
        return options
    }

    private static func seconds(_ time: TimeAmount) -> CInt {
        max(1, CInt(clamping: time.nanoseconds / 1_000_000_000))
    }
}
