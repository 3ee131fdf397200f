import FoundationEssentials

/// The JSON coding of the admin API.
public enum APIJSON {
    /// Encodes a model. Keys are sorted, so that equal models have equal bytes; slashes are not escaped.
    public static func encode(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }

    /// Encodes a frequent model to the same bytes as ``encode(_:)``, with less work.
    public static func bytes(of value: some JSONWritable) -> [UInt8] {
        // The size of most answers; a page of a list grows several times.
        var json = JSONWriter(capacity: 1_024)
        value.write(to: &json)
        return json.bytes
    }

    /// Decodes a model.
    ///
    /// - Throws: `DecodingError`.
    public static func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
        try JSONDecoder().decode(type, from: data)
    }
}
