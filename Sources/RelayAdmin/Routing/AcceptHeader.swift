/// The media types that a client accepts (RFC 9110, 12.5.1).
///
/// Commas and semicolons in quoted parameters are taken for separators, because none of the relay's media types have such. Parts that
/// cannot be parsed are omitted.
struct AcceptHeader {
    /// One of the media types in the header, with wildcards.
    private struct Range {
        var type: String
        /// The parameter `version`, the only one in which the relay's types differ; others are ignored.
        var version: String?
        /// 0 for refused, 1 for most preferred.
        var quality: Double

        /// The rank of this range for a type, higher for a more exact one; `nil` when it does not match.
        func specificity(for type: String, version: String) -> Int? {
            switch self.type {
            case "*/*": return 0
            case "\(type.prefix { $0 != "/" })/*": return 1
            case type where self.version == nil: return 2
            case type where self.version == version: return 3
            default: return nil
            }
        }
    }

    /// `nil` when there is no header: the client accepts all types.
    private let ranges: [Range]?

    /// Parses the values of all Accept headers of a request. Parts that cannot be parsed are omitted.
    init(_ values: [String]) {
        let parts = values.flatMap { $0.split(separator: ",") }
        self.ranges = parts.isEmpty ? nil : parts.compactMap(Self.range)
    }

    /// The client's preference for this type, 0...1, by the most exact range that matches.
    func quality(of type: String, version: String) -> Double {
        guard let ranges else { return 1 }
        var best: (specificity: Int, quality: Double) = (-1, 0)
        for range in ranges {
            guard let specificity = range.specificity(for: type, version: version) else { continue }
            if (specificity, range.quality) > best { best = (specificity, range.quality) }
        }
        return best.quality
    }

    private static func range(_ text: Substring) -> Range? {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false).map(Self.trimmed)
        guard let type = parts.first, type.contains("/") else { return nil }
        var range = Range(type: type.lowercased(), version: nil, quality: 1)
        for parameter in parts.dropFirst() {
            let pair = parameter.split(separator: "=", maxSplits: 1).map(Self.trimmed)
            guard pair.count == 2 else { continue }
            let value = pair[1].filter { $0 != "\"" }
            switch pair[0].lowercased() {
            case "version": range.version = value
            case "q":
                guard let quality = Double(value), (0...1).contains(quality) else { return nil }
                range.quality = quality
            default: break
            }
        }
        return range
    }

    private static func trimmed(_ text: Substring) -> String {
        let isBlank = { (character: Character) in character == " " || character == "\t" }
        let start = text.drop(while: isBlank)
        return String(start.reversed().drop(while: isBlank).reversed())
    }
}
