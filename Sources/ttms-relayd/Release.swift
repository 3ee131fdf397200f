import RelayServer

/// What this program calls itself.
enum Release {
    /// The release, such as `0.1.0`.
    static let version = RelayServer.version
}
