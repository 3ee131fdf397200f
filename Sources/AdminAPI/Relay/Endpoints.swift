/// What `<data-dir>/endpoints.json` says of a running relay, so that tools and tests find it.
public struct Endpoints: Codable, Equatable, Sendable {
    /// The name of the file in the data directory.
    public static let fileName = "endpoints.json"
    /// The name of the file that holds the admin token, beside it.
    public static let tokenFileName = "admin.token"
    /// The name of the directory that holds the queue, beside it.
    public static let storeDirectoryName = "store"

    /// Addresses that terminals connect to, such as `127.0.0.1:7222` or `[::1]:7222`.
    public var terminals: [String]
    /// The admin API's base URL, such as `http://127.0.0.1:7280`; without a slash at its end.
    public var admin: String
    /// The relay's process.
    public var pid: Int32

    /// Makes endpoints.
    public init(terminals: [String], admin: String, pid: Int32) {
        self.terminals = terminals
        self.admin = admin
        self.pid = pid
    }
}
