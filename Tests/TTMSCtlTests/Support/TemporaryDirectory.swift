import Foundation
import TestKit

extension TemporaryDirectory {
    /// Without a slash at its end.
    var path: String { self.url.path }

    /// Writes a file, and returns its path.
    func write(_ content: [UInt8], to name: String) throws -> String {
        let file = self.url.appendingPathComponent(name)
        try Data(content).write(to: file)
        return file.path
    }
}
