import FoundationEssentials

/// The content of a file, with its checksum in the member `sha256`, by which damage on disk is found. A file without one is of an
/// earlier release, or was written by hand.
struct Sealed<Contents: Codable & Sendable>: Codable, Sendable {
    var contents: Contents
    /// 64 hex digits.
    private var sha256: String?

    private enum CodingKeys: String, CodingKey {
        case sha256
    }

    init(_ contents: Contents) {
        self.contents = contents
        self.sha256 = Self.digest(of: contents)
    }

    /// Decodes both from one object.
    init(from decoder: any Decoder) throws {
        self.contents = try Contents(from: decoder)
        self.sha256 = try decoder.container(keyedBy: CodingKeys.self).decodeIfPresent(String.self, forKey: .sha256)
    }

    /// Encodes both into one object.
    func encode(to encoder: any Encoder) throws {
        try self.contents.encode(to: encoder)
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encodeIfPresent(self.sha256, forKey: .sha256)
    }

    /// Whether the content matches the checksum; `true` when there is none.
    var isWhole: Bool { self.sha256 == nil || self.sha256 == Self.digest(of: self.contents) }

    private static func digest(of contents: Contents) -> String? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(contents)).flatMap { TokenDigest(hashing: Array($0)) }?.hex
    }
}
