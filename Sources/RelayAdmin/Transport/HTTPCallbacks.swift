import CMicroHTTPD
import Logging

/// The callbacks of libmicrohttpd's thread. They are static functions passed by name: a closure written in an actor's context would
/// check for that actor's executor, and trap here.
enum HTTPCallbacks {
    /// The table for a daemon whose address is `context`.
    static func table(context: UnsafeMutableRawPointer) -> ttms_http_callbacks {
        ttms_http_callbacks(
            context: context,
            begin: begin,
            receive: receive,
            respond: respond,
            complete: complete,
            opened: opened,
            closed: closed,
            log: log
        )
    }
}

private func daemon(_ context: UnsafeMutableRawPointer) -> HTTPDaemon {
    Unmanaged<HTTPDaemon>.fromOpaque(context).takeUnretainedValue()
}

private func exchange(_ request: UnsafeMutableRawPointer) -> HTTPExchange {
    Unmanaged<HTTPExchange>.fromOpaque(request).takeUnretainedValue()
}

private func begin(
    context: UnsafeMutableRawPointer,
    connection: OpaquePointer,
    method: UnsafePointer<CChar>,
    url: UnsafePointer<CChar>,
    version: UnsafePointer<CChar>
) -> UnsafeMutableRawPointer {
    let daemon = daemon(context)
    // Without memory for a copy, the library's own form is used: a path that does not exist, or one without its query.
    let target = RequestTarget(String(cString: ttms_http_target(connection) ?? url))
    let head = RequestHead(
        method: String(cString: method),
        target: target,
        version: String(cString: version),
        headers: fields { ttms_http_headers(connection, $0, collect) }
            .map { RequestHead.Field(name: $0.name.asciiLowercased, value: $0.value) },
        remoteAddress: remoteAddress(of: connection),
        hasFoldedHeader: ttms_http_has_folded_header(connection),
        hasHiddenBytes: ttms_http_has_hidden_bytes(connection, method, version)
    )
    let exchange = HTTPExchange(connection: connection, head: head, daemon: daemon)
    daemon.begin(exchange)
    return Unmanaged.passRetained(exchange).toOpaque()
}

private func receive(request: UnsafeMutableRawPointer, bytes: UnsafePointer<UInt8>, count: Int) -> Bool {
    exchange(request).receive(UnsafeBufferPointer(start: bytes, count: count))
}

private func respond(request: UnsafeMutableRawPointer) -> Bool {
    exchange(request).respond()
}

private func complete(request: UnsafeMutableRawPointer) {
    Unmanaged<HTTPExchange>.fromOpaque(request).takeRetainedValue().complete()
}

private func opened(context: UnsafeMutableRawPointer, connection: OpaquePointer, descriptor: Int32) {
    daemon(context).opened(descriptor, from: remoteAddress(of: connection))
}

private func closed(context: UnsafeMutableRawPointer, descriptor: Int32) {
    daemon(context).connections.closed(descriptor)
}

private func log(context: UnsafeMutableRawPointer, format: UnsafePointer<CChar>, message: UnsafePointer<CChar>) {
    let daemon = daemon(context)
    // At the start the message belongs to the error. It names a wrong port, because the port is only in the address.
    guard !daemon.noteAtStart(String(cString: message)) else { return }
    let text = String(cString: message)
    // The loss of a client does not deserve a warning.
    let isOfDeparture = ["Failed to send ", "Connection socket ", "Connection was ", "Socket has been "].contains(
        where: text.hasPrefix
    )
    let heldBack = isOfDeparture ? nil : daemon.messages.admit(UInt(bitPattern: format))
    daemon.logger.log(
        level: heldBack == nil ? .debug : .warning,
        "libmicrohttpd reported a problem",
        // The library quotes bytes from clients; escaped, the message remains one line.
        metadata: [
            "message": "\(String(cString: message).unicodeScalars.map { $0.escaped(asASCII: true) }.joined())",
            "held_back": "\(heldBack ?? 0)",
        ]
    )
}

private func remoteAddress(of connection: OpaquePointer) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(TTMS_HTTP_ADDRESS_SIZE)) { text in
        guard let start = text.baseAddress, ttms_http_remote_address(connection, start) else { return "" }
        return String(cString: start)
    }
}

/// Runs one of the library's iterations, and returns the visited fields.
private func fields(_ iterate: (UnsafeMutableRawPointer) -> Void) -> [RequestHead.Field] {
    var fields: [RequestHead.Field] = []
    withUnsafeMutablePointer(to: &fields) { iterate(UnsafeMutableRawPointer($0)) }
    return fields
}

private func collect(
    context: UnsafeMutableRawPointer,
    name: UnsafePointer<UInt8>,
    nameSize: Int,
    value: UnsafePointer<UInt8>?,
    valueSize: Int
) {
    let fields = context.assumingMemoryBound(to: [RequestHead.Field].self)
    fields.pointee.append(
        RequestHead.Field(
            name: String(decoding: UnsafeBufferPointer(start: name, count: nameSize), as: UTF8.self),
            value: value.map { String(decoding: UnsafeBufferPointer(start: $0, count: valueSize), as: UTF8.self) }
        )
    )
}
