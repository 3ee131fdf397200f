import Foundation

/// The base URL of an admin API, checked.
enum AdminURL {
    /// The URL in the form that requests are made from: scheme, host, port and path, without a slash at its end.
    ///
    /// - Throws: a ``Failure`` that names the flaw of `text`.
    static func parse(_ text: String) throws(Failure) -> String {
        let example = "Give one such as http://192.0.2.1:7280."
        guard text.contains("://") else {
            throw Failure(
                .usage,
                "\"\(text)\" is not the URL of an admin API: it does not begin with http:// or https://. \(example)"
            )
        }
        guard var parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(), parts.host?.isEmpty == false
        else {
            throw Failure(.usage, "\"\(text)\" is not a URL. \(example)")
        }
        guard ["http", "https"].contains(scheme) else {
            throw Failure(
                .usage,
                "The URL \"\(text)\" begins with \(scheme)://; an admin API has http:// or https://. \(example)"
            )
        }
        guard parts.user == nil, parts.password == nil else {
            throw Failure(
                .usage,
                "The URL has a user name or a password, which a relay does not accept. Use a token, by --token-file."
            )
        }
        guard parts.query == nil, parts.fragment == nil else {
            throw Failure(.usage, "The URL \"\(text)\" has a query or a fragment (? or #). Remove it. \(example)")
        }
        guard parts.port.map((1...65_535).contains) ?? true else {
            throw Failure(.usage, "The port in \"\(text)\" is not in 1 to 65535. \(example)")
        }
        parts.scheme = scheme
        guard var url = parts.string else { throw Failure(.usage, "\"\(text)\" is not a URL. \(example)") }
        while url.hasSuffix("/") { url.removeLast() }
        return url
    }
}
