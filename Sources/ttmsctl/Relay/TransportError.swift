import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// The reason why a request got no answer.
enum TransportError: Error, Equatable {
    /// No connection was made, so nothing was sent.
    case notConnected(reason: String)
    /// The connection failed, and the request may have arrived.
    case noAnswer(reason: String)
    /// The answer is not HTTP.
    case notHTTP
    /// The answer has more bytes than any answer of a relay.
    case tooLarge

    /// Converts an error of the HTTP client.
    init(_ error: any Error) {
        self =
            switch error {
            case let error as TransportError: error
            case let error as NIOConnectionError: .notConnected(reason: Self.reason(error))
            case let error as IOError: Self.system(error)
            case let error as ChannelError: Self.channel(error)
            case let error as HTTPClientError: Self.client(error)
            case HTTPParserError.invalidEOFState: .noAnswer(reason: Self.incomplete)
            case is HTTPParserError: .notHTTP
            case is NIOTooManyBytesError: .tooLarge
            default: Self.other(error)
            }
    }

    private static let incomplete = "the connection was closed before the answer was complete"

    /// The reason why no connection was made to a name or an address, in the system's words.
    static func reason(_ error: NIOConnectionError) -> String {
        if let failure = error.connectionErrors.last?.error {
            return if case .notConnected(let reason) = TransportError(failure) { reason } else { "it failed" }
        }
        return error.dnsAError == nil && error.dnsAAAAError == nil ? "it has no address" : "the name \(error.host) is not known"
    }

    private static func system(_ error: IOError) -> TransportError {
        let reason = String(cString: strerror(error.errnoCode))
        return switch error.errnoCode {
        case ECONNRESET, EPIPE, ENOTCONN: .noAnswer(reason: reason)
        default: .notConnected(reason: reason)
        }
    }

    private static func channel(_ error: ChannelError) -> TransportError {
        switch error {
        case .connectTimeout: .notConnected(reason: "Connection timed out")
        default: .noAnswer(reason: "the connection was closed")
        }
    }

    private static func client(_ error: HTTPClientError) -> TransportError {
        switch error {
        case .connectTimeout, .getConnectionFromPoolTimeout: .notConnected(reason: "Connection timed out")
        case .tlsHandshakeTimeout: .notConnected(reason: "the server does not begin TLS, which https:// requires")
        case .readTimeout: .noAnswer(reason: "nothing arrived for \(AdminTransport.silence) s")
        case .remoteConnectionClosed, .uncleanShutdown:
            .noAnswer(reason: Self.incomplete)
        case .invalidURL, .emptyHost: .notConnected(reason: "the URL is wrong")
        default: .noAnswer(reason: error.shortDescription)
        }
    }

    /// Errors of TLS, recognised by their text because their types belong to the TLS library; and all other errors.
    private static func other(_ error: any Error) -> TransportError {
        let text = "\(error)"
        if text.contains("CERTIFICATE_VERIFY_FAILED") || text.contains("unableToValidateCertificate") {
            return .notConnected(
                reason: "this machine does not trust its certificate; add the certificate's CA to the system's"
            )
        }
        if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
            return .notConnected(reason: "the server does not speak TLS, which https:// requires")
        }
        if text.contains("failedToMatchNameToCertificate") || text.contains("unableToMatchName") {
            return .notConnected(reason: "its certificate is for another name")
        }
        // The library's name of the TLS error, such as SSLV3_ALERT_HANDSHAKE_FAILURE.
        if text.contains("SSL"), let name = text.firstMatch(of: /[A-Z][A-Z0-9]*_[A-Z0-9_]{4,}/) {
            return .notConnected(reason: "TLS failed with \(name.output)")
        }
        return .noAnswer(reason: "the connection failed")
    }
}
