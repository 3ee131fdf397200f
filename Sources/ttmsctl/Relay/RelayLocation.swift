import AdminAPI
import Foundation

/// Where a relay's admin API is, and the token that opens it.
struct RelayLocation: Equatable, Sendable {
    /// Without a slash at its end.
    var url: String
    /// What goes behind `Bearer`.
    var token: String
    /// Where the token comes from, for the message when it is wrong.
    var tokenOrigin: String

    /// Whether the relay is on this machine.
    var isLoopback: Bool {
        let host = URLComponents(string: self.url)?.host ?? ""
        return host == "localhost" || host.hasPrefix("127.") || host == "::1" || host == "[::1]"
    }

    /// Finds the relay that `options` name: by its URL, or by what it left in its data directory.
    static func find(_ options: RelayOptions, environment: [String: String]) throws(Failure) -> RelayLocation {
        let location = try self.locate(options, environment: environment)
        // The library below URLSession comes without IPv6, and says only "bad URL".
        if URLComponents(string: location.url)?.host?.contains(":") == true {
            throw Failure(
                .unavailable,
                """
                The admin API at \(location.url) has an IPv6 address, which ttmsctl cannot reach: Swift's HTTP client on Linux has \
                no IPv6. Let the relay listen on an IPv4 address (--admin 127.0.0.1:7280), or use curl.
                """
            )
        }
        return location
    }

    private static func locate(_ options: RelayOptions, environment: [String: String]) throws(Failure) -> RelayLocation {
        if let url = options.url {
            guard let parts = URLComponents(string: url), ["http", "https"].contains(parts.scheme), parts.host?.isEmpty == false
            else {
                throw Failure(.usage, "\"\(url)\" is not the URL of an admin API. Give one such as http://192.0.2.1:7280.")
            }
            let trimmed = url.hasSuffix("/") ? String(url.dropLast()) : url
            if let file = options.tokenFile { return try Self.make(url: trimmed, tokenFile: file) }
            guard let token = environment["TTMS_TOKEN"], !token.isEmpty else {
                throw Failure(
                    .noPermission,
                    "No token for \(trimmed). Give --token-file, or set TTMS_TOKEN to what admin.token on the relay's machine holds."
                )
            }
            return RelayLocation(url: trimmed, token: token, tokenOrigin: "TTMS_TOKEN")
        }
        let directory = Self.dataDirectory(options.dataDirectory, environment: environment)
        let endpoints = try Self.endpoints(in: directory)
        return try Self.make(
            url: Self.reachable(url: endpoints.admin),
            tokenFile: options.tokenFile ?? "\(directory)/\(Endpoints.tokenFileName)"
        )
    }

    /// The data directory that was named; its default is the relay's own.
    static func dataDirectory(_ named: String?, environment: [String: String]) -> String {
        named ?? environment["STATE_DIRECTORY"]?.split(separator: ":").first.map(String.init) ?? "./data"
    }

    /// What the relay says of itself in `directory`.
    static func endpoints(in directory: String) throws(Failure) -> Endpoints {
        let path = "\(directory)/\(Endpoints.fileName)"
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw Failure(
                .unavailable,
                """
                No relay was found: \(path) cannot be read (\(error.localizedDescription)). A relay writes it when it is \
                ready. Start one, or name its directory with --data-dir, or its address with --url.
                """
            )
        }
        do {
            return try APIJSON.decode(Endpoints.self, from: data)
        } catch {
            throw Failure(
                .notUnderstood,
                "\(path) does not say where the relay is. Restart the relay: it writes the file anew."
            )
        }
    }

    /// The address to connect to on this machine, where a relay listens on `host`: one that listens on all addresses is reached
    /// on the loopback.
    static func reachable(host: String) -> String {
        switch host {
        case "0.0.0.0": "127.0.0.1"
        case "::": "::1"
        default: host
        }
    }

    private static func reachable(url: String) -> String {
        url.replacingOccurrences(of: "//0.0.0.0:", with: "//127.0.0.1:")
    }

    private static func make(url: String, tokenFile: String) throws(Failure) -> RelayLocation {
        let text: String
        do {
            text = try String(contentsOf: URL(filePath: tokenFile), encoding: .utf8)
        } catch {
            throw Failure(
                .noPermission,
                """
                The token in \(tokenFile) cannot be read (\(error.localizedDescription)). Only the relay's user may read it: run \
                ttmsctl as that user, or name a copy with --token-file.
                """
            )
        }
        let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
        return RelayLocation(url: url, token: token, tokenOrigin: tokenFile)
    }
}
