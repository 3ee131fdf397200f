extension String {
    /// The first `limit` Unicode scalars. Characters are no limit, because one can have any number of combining marks.
    func cut(to limit: Int) -> String { String(self.unicodeScalars.prefix(limit)) }
}
