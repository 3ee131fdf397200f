import AdminAPI
import Foundation
import Glibc

/// The URL of a relay's admin API, and the token for it.
struct RelayLocation: Equatable, Sendable {
    /// The base URL, without a slash at its end.
    var url: String
    var token: AccessToken
    /// The id of the relay's process, if the relay was found by its data directory.
    var process: Int32?

    /// Finds the relay that `options` name, by its URL or by the files in its data directory. An option has precedence over the
    /// environment, and the environment over the files.
    ///
    /// - Parameter token: the token that was given explicitly; `nil` for the one in the relay's data directory.
    static func find(
        _ options: RelayOptions,
        environment: [String: String],
        token: AccessToken?
    ) throws(Failure) -> RelayLocation {
        if let text = options.url {
            let url = try AdminURL.parse(text)
            guard let token else {
                throw Failure(
                    .noPermission,
                    """
                    No token for \(url). Give --token-file, or set \(AccessToken.variable) to the content of admin.token on \
                    the relay's machine.
                    """
                )
            }
            return RelayLocation(url: url, token: token)
        }
        let directory = Self.dataDirectory(options.dataDirectory, environment: environment)
        let endpoints = try Self.endpoints(in: directory)
        guard let url = try? AdminURL.parse(endpoints.admin) else {
            throw Self.unclear("\(directory)/\(Endpoints.fileName)")
        }
        let found = if let token { token } else { try Self.token(in: directory, of: endpoints.pid) }
        return RelayLocation(url: Self.reachable(url: url), token: found, process: endpoints.pid)
    }

    /// The given data directory, or else the relay's default.
    static func dataDirectory(_ named: String?, environment: [String: String]) -> String {
        if let named { return named }
        if let set = environment["TTMS_DATA_DIR"], !set.isEmpty { return set }
        return environment["STATE_DIRECTORY"]?.split(separator: ":").first.map(String.init) ?? "./data"
    }

    /// The addresses and the process id that the relay has written to `directory`.
    static func endpoints(in directory: String) throws(Failure) -> Endpoints {
        let path = "\(directory)/\(Endpoints.fileName)"
        let contents: [UInt8]
        do {
            contents = try InputFile(path: path).contents(limit: 1 << 20)
        } catch {
            throw Failure(
                error.isForbidden ? .noPermission : .unavailable,
                """
                No relay was found: \(path) cannot be read: \(error.reason). A relay writes it when it is \
                ready. Start one, or name its directory with --data-dir, or its address with --url.
                """
            )
        }
        do {
            return try APIJSON.decode(Endpoints.self, from: Data(contents))
        } catch {
            throw Self.unclear(path)
        }
    }

    /// The address to connect to on this machine, for a relay that listens on `host`. A relay that listens on all addresses is
    /// reached over the loopback.
    static func reachable(host: String) -> String {
        switch host {
        case "0.0.0.0": "127.0.0.1"
        case "::": "::1"
        default: host
        }
    }

    private static func reachable(url: String) -> String {
        url.replacingOccurrences(of: "//0.0.0.0:", with: "//127.0.0.1:").replacingOccurrences(of: "//[::]:", with: "//[::1]:")
    }

    private static func unclear(_ path: String) -> Failure {
        Failure(.notUnderstood, "\(path) does not name the relay's address. Restart the relay: it writes the file again.")
    }

    /// The token that the relay `process` has written to `directory`.
    private static func token(in directory: String, of process: Int32) throws(Failure) -> AccessToken {
        let path = "\(directory)/\(Endpoints.tokenFileName)"
        guard access(path, F_OK) == 0 || errno != ENOENT else {
            throw Failure(
                .noPermission,
                """
                There is no \(path). At SIGHUP the relay makes a new one, and revokes the former token: kill -HUP \(process), \
                or systemctl reload. Or give another admin token by --token-file or \(AccessToken.variable).
                """
            )
        }
        return try AccessToken.read(path)
    }
}
