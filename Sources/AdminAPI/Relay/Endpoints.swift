/// The content of `<data-dir>/endpoints.json`, by which tools and tests find a running relay.
public struct Endpoints: Codable, Equatable, Sendable {
    /// The name of the file in the data directory.
    public static let fileName = "endpoints.json"
    /// The name of the file with the admin token, in the same directory.
    public static let tokenFileName = "admin.token"
    /// The name of the store's directory, in the same directory.
    public static let storeDirectoryName = "store"

    /// Addresses that terminals connect to, such as `127.0.0.1:7222` or `[::1]:7222`.
    public var terminals: [String]
    /// The admin API's base URL, such as `http://127.0.0.1:7280`, without a trailing slash.
    public var admin: String
    /// The process id of the relay.
    public var pid: Int32

    /// Makes endpoints.
    public init(terminals: [String], admin: String, pid: Int32) {
        self.terminals = terminals
        self.admin = admin
        self.pid = pid
    }
}
