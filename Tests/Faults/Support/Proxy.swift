import Foundation
import TTMSProtocol
import TestKit

/// Stands between terminals and a relay, and does to one frame what the relay must never do. All connections speak `total`.
final class Proxy: Sendable {
    /// What happens to one data frame on its way to its terminal.
    enum Fault {
        /// It does not arrive.
        case drop
        /// It arrives behind the next one from the same terminal.
        case swap
        /// It arrives twice.
        case double
    }

    /// Where terminals connect.
    let address: RelayProcess.Endpoint
    private let descriptor: Int32

    /// Listens on a free port of the loopback.
    ///
    /// - Parameters:
    ///   - fault: `nil` for a proxy that only passes on.
    ///   - number: which data frame the fault happens to, counted from 0 over all connections.
    /// - Throws: `POSIXError`.
    init(to relay: RelayProcess.Endpoint, _ fault: Fault? = nil, at number: Int = 0) throws {
        let descriptor = socket(AF_INET, Self.stream, 0)
        var address = Self.loopback(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && listen(descriptor, 1_024) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard isBound, let endpoint = RelayProcess.Endpoint("127.0.0.1:\(UInt16(bigEndian: address.sin_port))") else {
            close(descriptor)
            throw POSIXError(.init(rawValue: errno) ?? .EIO)
        }
        self.descriptor = descriptor
        self.address = endpoint
        Thread.detachNewThread {
            var saboteur = Saboteur(fault, at: number)
            Self.serve(descriptor, relay.port, &saboteur)
            close(descriptor)
        }
    }

    deinit {
        shutdown(self.descriptor, Int32(SHUT_RDWR))
    }

    private static let stream = Int32(SOCK_STREAM.rawValue)

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        return address
    }

    // MARK: Passing on

    /// One side of a connection.
    private struct Side {
        let descriptor: Int32
        /// Where what comes here goes.
        let other: Int32
        /// Whether the relay is at this end, and a terminal at the other.
        let isRelay: Bool
        /// The beginning of a frame whose rest has not come.
        var unfinished: [UInt8] = []
    }

    /// Passes on until the listening socket is shut down. Whole frames go to terminals, anything to the relay.
    private static func serve(_ listener: Int32, _ port: UInt16, _ saboteur: inout Saboteur) {
        var sides: [Int32: Side] = [:]
        defer { sides.keys.forEach { close($0) } }
        while true {
            var descriptors = ([listener] + sides.keys).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            poll(&descriptors, nfds_t(descriptors.count), -1)
            for ready in descriptors.dropFirst() where ready.revents != 0 {
                // It may have been closed together with its other side.
                guard var side = sides.removeValue(forKey: ready.fd) else { continue }
                if Self.passOn(&side, &saboteur) {
                    sides[ready.fd] = side
                } else {
                    // Whatever way it ended: a connection ends on both sides.
                    sides[side.other] = nil
                    close(side.descriptor)
                    close(side.other)
                }
            }
            guard descriptors[0].revents != 0 else { continue }
            let terminal = accept(listener, nil, nil)
            guard terminal >= 0 else { return }
            let relay = Self.connect(to: port)
            sides[terminal] = Side(descriptor: terminal, other: relay, isRelay: false)
            sides[relay] = Side(descriptor: relay, other: terminal, isRelay: true)
        }
    }

    private static func connect(to port: UInt16) -> Int32 {
        let descriptor = socket(AF_INET, Self.stream, 0)
        var address = Self.loopback(port)
        _ = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return descriptor
    }

    /// - Returns: `false` when the connection has ended.
    private static func passOn(_ side: inout Side, _ saboteur: inout Saboteur) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(side.descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return false }
        guard side.isRelay else { return Self.send(bytes[..<count], to: side.other) }
        side.unfinished += bytes[..<count]
        return WireFrame.takeFrames(from: &side.unfinished).allSatisfy { frame in
            saboteur.pass(frame, to: side.other).allSatisfy { Self.send($0[...], to: side.other) }
        }
    }

    /// Waits until all is sent: both ends read whatever happens.
    private static func send(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { return false }
            rest = rest.dropFirst(sent)
        }
        return true
    }
}

/// Knows when the fault is due.
private struct Saboteur {
    private let fault: Proxy.Fault?
    /// Data frames until then.
    private var remaining: Int
    /// A frame that waits for the next one of its kind, and the terminal's side that it is for.
    private var held: (frame: [UInt8], terminal: Int32)?

    init(_ fault: Proxy.Fault?, at number: Int) {
        self.fault = fault
        self.remaining = number
    }

    /// What the terminal gets in place of `frame`.
    mutating func pass(_ frame: [UInt8], to terminal: Int32) -> [[UInt8]] {
        guard frame.starts(with: "$TTMX".utf8), let fault else { return [frame] }
        if let held, held.terminal == terminal, Self.source(of: held.frame) == Self.source(of: frame) {
            self.held = nil
            return [frame, held.frame]
        }
        defer { self.remaining -= 1 }
        guard self.remaining == 0 else { return [frame] }
        switch fault {
        case .drop: return []
        case .double: return [frame, frame]
        case .swap:
            self.held = (frame, terminal)
            return []
        }
    }

    private static func source(of frame: [UInt8]) -> ArraySlice<UInt8> {
        frame[Frame.addressOffset..<Frame.commandOffset]
    }
}
