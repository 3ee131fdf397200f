/// Describes decoding errors for people: Foundation's own texts are for programmers.
public enum JSONFlaw {
    /// The meaning of a decoder's error: a clause without a full stop, such as "`tokens/0/id` is missing".
    public static func text(of error: any Error) -> String {
        guard let error = error as? DecodingError else { return "it is not JSON" }
        switch error {
        case .keyNotFound(let key, let context): return "`\(self.place(context.codingPath + [key]))` is missing"
        case .valueNotFound(_, let context): return "`\(self.place(context.codingPath))` is null"
        case .typeMismatch(_, let context):
            return context.codingPath.isEmpty
                ? "it is JSON of another kind" : "`\(self.place(context.codingPath))` is of another kind"
        case .dataCorrupted(let context):
            return context.codingPath.isEmpty
                ? "it is not JSON" : "`\(self.place(context.codingPath))` has a value that is not known"
        @unknown default: return "it cannot be read"
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: "/")
    }
}
