import FoundationEssentials

/// JSON as the admin API writes and reads it.
public enum APIJSON {
    /// Writes a model. Keys are sorted, so that equal models are equal bytes; slashes stay slashes.
    public static func encode(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }

    /// Writes a model that is written often, as ``encode(_:)`` does, but sooner.
    public static func bytes(of value: some JSONWritable) -> [UInt8] {
        // What most answers take; a page of a list grows some times.
        var json = JSONWriter(capacity: 1_024)
        value.write(to: &json)
        return json.bytes
    }

    /// Reads a model.
    ///
    /// - Throws: `DecodingError`.
    public static func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
        try JSONDecoder().decode(type, from: data)
    }
}
