import AdminAPI
import FoundationEssentials

/// Where the next page of a list begins, as a text that means nothing to the client.
///
/// It names the list with its filters, so that a cursor of one list is refused by another instead of skipping silently.
struct Cursor: Equatable {
    /// The list and its filters.
    let list: String
    /// The last item of the page before.
    let position: String

    /// What the client gets: base64url of both.
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

    /// Reads what ``text`` wrote for the same list.
    ///
    /// - Throws: ``ProblemDetails`` with the code `invalid_cursor`.
    init(_ text: String, of list: String) throws(ProblemDetails) {
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        let base64 = text.replacing("-", with: "+").replacing("_", with: "/") + padding
        guard let data = Data(base64Encoded: base64), let content = String(validating: data, as: UTF8.self),
            content.hasPrefix("\(list)/")
        else { throw Self.invalid }
        self.init(list: list, position: String(content.dropFirst(list.count + 1)))
        // One position has one text: what base64 leaves open (stray bits, other alphabets) is refused.
        guard self.text == text else { throw Self.invalid }
    }

    /// The problem of a text that is no cursor of the list.
    static let invalid = ProblemDetails(
        .invalidCursor,
        detail: "Pass `next_cursor` of the page before as it is, with the same filters; or none, to begin anew.",
        errors: [ProblemDetails.Flaw(pointer: "cursor", detail: "It is not one that this list gave out.")]
    )
}

extension HTTPResponse {
    /// A page of a list that is in memory as a whole.
    ///
    /// - Parameters:
    ///   - list: the list with its filters, for the cursor.
    ///   - key: what the list is sorted by; no two elements share it.
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
