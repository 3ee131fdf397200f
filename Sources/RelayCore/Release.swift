/// Release, the same for all programs.
public enum Release {
    /// Version with three numbers by Semantic Versioning, such as `0.1.0`.
    public static let version = "0.1.0"
}
