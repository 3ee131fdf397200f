extension String {
    /// The text, or its first `limit` Unicode scalars. Characters are no measure: one can have any number of combining marks.
    func cut(to limit: Int) -> String { String(self.unicodeScalars.prefix(limit)) }
}
