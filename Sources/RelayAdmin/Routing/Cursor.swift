import AdminAPI
import FoundationEssentials

/// The place where the next page of a list begins, as a text that is opaque to the client.
///
/// It contains the list and its filters, so that another list refuses the cursor instead of skipping items.
struct Cursor: Equatable {
    /// The list and its filters.
    let list: String
    /// The last item of the page before.
    let position: String

    /// The client's text: base64url of both.
    var text: String {
        let base64 = Data("\(self.list)/\(self.position)".utf8).base64EncodedString()
        let text = base64.utf8.compactMap { byte -> UInt8? in
            switch byte {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            case UInt8(ascii: "="): nil
            default: byte
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    init(list: String, position: String) {
        self.list = list
        self.position = position
    }

    /// Decodes the ``text`` of a cursor of the same list.
    ///
    /// - Throws: ``ProblemDetails`` with the code `invalid_cursor`.
    init(_ text: String, of list: String) throws(ProblemDetails) {
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        let base64 = text.replacing("-", with: "+").replacing("_", with: "/") + padding
        guard let data = Data(base64Encoded: base64), let content = String(validating: data, as: UTF8.self),
            content.hasPrefix("\(list)/")
        else { throw Self.invalid }
        self.init(list: list, position: String(content.dropFirst(list.count + 1)))
        // One position has one text: other alphabets and stray bits, which base64 permits, are refused.
        guard self.text == text else { throw Self.invalid }
    }

    /// The problem of a text that is no cursor of the list.
    static let invalid = ProblemDetails(
        .invalidCursor,
        detail: "Pass `next_cursor` of the page before unchanged, with the same filters; or none, for the first page.",
        errors: [ProblemDetails.Flaw(pointer: "cursor", detail: "It is not one of this list.")]
    )
}

extension HTTPResponse {
    /// A page of a list that is completely in memory.
    ///
    /// - Parameters:
    ///   - list: the list with its filters, for the cursor.
    ///   - key: the key by which the list is sorted; no two elements share it.
    static func page<Element, Item: Codable & Sendable & Equatable>(
        of all: [Element],
        list: String,
        _ query: QueryParameters,
        key: (Element) -> String,
        item: (Element) -> Item
    ) throws -> HTTPResponse {
        let limit = try query.limit
        let after = try query["cursor"].map { text throws(ProblemDetails) in try Cursor(text, of: list).position }
        let rest = all.map { (key: key($0), element: $0) }
            .filter { element in after.map { element.key > $0 } ?? true }
            .sorted { $0.key < $1.key }
        let shown = rest.prefix(limit)
        let next = rest.count > limit ? shown.last.map { Cursor(list: list, position: $0.key).text } : nil
        return try .json(Page(data: shown.map { item($0.element) }, limit: limit, nextCursor: next))
    }
}
