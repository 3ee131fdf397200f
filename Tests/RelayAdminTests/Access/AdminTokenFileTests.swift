import Foundation
import Testing

@testable import RelayAdmin

@Suite struct AdminTokenFileTests {
    @Test("the first start makes 256 random bits that only the owner can read, and the next one keeps them")
    func creation() throws {
        let directory = try TemporaryDirectory()
        let file = directory.file("admin.token")
        let secret = try AdminTokenFile.secret(at: file, inventory: .silent(directory), logger: .silent)
        let text = try String(contentsOfFile: file, encoding: .utf8)
        #expect(text.wholeMatch(of: /[0-9a-f]{64}\n/) != nil)
        let attributes = try FileManager.default.attributesOfItem(atPath: file)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(secret.text + "\n" == text)
        #expect(try AdminTokenFile.secret(at: file, inventory: .silent(directory), logger: .silent) == secret)
        #expect(try String(contentsOfFile: file, encoding: .utf8) == text)

        let other = try TemporaryDirectory()
        _ = try AdminTokenFile.secret(at: other.file("admin.token"), inventory: .silent(other), logger: .silent)
        #expect(try String(contentsOfFile: other.file("admin.token"), encoding: .utf8) != text)
    }

    @Test(
        "a file that holds no token is refused",
        arguments: ["", "\n", "short", String(repeating: "a b ", count: 20), String(repeating: "é", count: 40)]
    )
    func unusable(_ content: String) throws {
        let directory = try TemporaryDirectory()
        let file = directory.file("admin.token")
        try content.write(toFile: file, atomically: true, encoding: .utf8)
        let error = #expect(throws: AdminError.self) {
            try AdminTokenFile.secret(at: file, inventory: .silent(directory), logger: .silent)
        }
        #expect(error?.description.contains(file) == true)
        #expect(try String(contentsOfFile: file, encoding: .utf8) == content)
    }

    @Test("a directory that is not there is an error that names the file")
    func missing() throws {
        let directory = try TemporaryDirectory()
        let file = directory.file("no/admin.token")
        let error = #expect(throws: AdminError.self) {
            try AdminTokenFile.secret(at: file, inventory: .silent(directory), logger: .silent)
        }
        #expect(error?.description.contains(file) == true)
    }
}
