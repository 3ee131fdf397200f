/// Which release this is, the same for all programs of it.
public enum Release {
    /// Three numbers as of Semantic Versioning, such as `0.1.0`.
    public static let version = "0.1.0"
}
