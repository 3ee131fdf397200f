import AdminAPI
import Foundation
import Logging
import RelayCore
import Testing

@testable import RelayAdmin

/// The audit log on disk: bounded, in order, and whole after whatever happened to it.
@Suite struct AuditFileTests {
    private static let limit = 64 << 10

    private static func open(_ directory: TemporaryDirectory, logger: Logger = .silent) throws -> AuditLog {
        try AuditLog(directory: directory.file("audit"), inventory: .silent(directory), limit: Self.limit, logger: logger)
    }

    private static func files(_ directory: TemporaryDirectory) throws -> [AuditFiles.File] {
        try AuditFiles.all(in: directory.file("audit"))
    }

    private static func size(_ directory: TemporaryDirectory) throws -> Int {
        try Self.files(directory).reduce(0) { size, file in
            let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
            return size + (attributes[.size] as? Int ?? 0)
        }
    }

    @Test("at its limit the oldest entries go, and the ids go on")
    func rotation() async throws {
        let directory = try TemporaryDirectory()
        let log = try Self.open(directory)
        for number in 1...600 {
            await log.record(.entry(target: "/\(number)"))
            if number.isMultiple(of: 50) { #expect(try Self.size(directory) <= Self.limit) }
        }
        #expect(try Self.size(directory) > Self.limit / 2)
        let entries = try await log.all(limit: 7)
        let ids = entries.compactMap { Int($0.id) }
        #expect(ids.first == 600 && ids.count > 100 && ids.count < 600)
        #expect(ids == Array((601 - ids.count...600).reversed()))
        #expect(entries.map(\.target) == ids.map { "/\($0)" })

        let again = try Self.open(directory)
        await again.record(.entry())
        #expect(try await again.all().count == ids.count + 1)
        #expect(try await again.all().first?.id == "601")
    }

    @Test("entries recorded at the same time are all there, each once")
    func together() async throws {
        let directory = try TemporaryDirectory()
        let log = try Self.open(directory)
        await withTaskGroup(of: Void.self) { group in
            for number in 1...100 { group.addTask { await log.record(.entry(target: "/\(number)")) } }
        }
        // Of another reader: they are on disk, and not only known.
        let entries = try await Self.open(directory).all()
        #expect(Set(entries.map(\.target)) == Set((1...100).map { "/\($0)" }))
        #expect(entries.compactMap { Int($0.id) } == Array((1...100).reversed()))
    }

    @Test("a line that a power cut has torn is cut off, and the next one has its id", arguments: [1, 20, 200])
    func torn(_ missing: Int) async throws {
        let directory = try TemporaryDirectory()
        let log = try Self.open(directory)
        for number in 1...3 { await log.record(.entry(target: "/\(number)")) }
        let file = try #require(try Self.files(directory).first)
        let content = try Data(contentsOf: URL(filePath: file.path))
        try content.dropLast(missing).write(to: URL(filePath: file.path))

        let again = try Self.open(directory)
        #expect(try await again.all().map(\.target) == ["/2", "/1"])
        await again.record(.entry(target: "/new"))
        #expect(try await again.all().map(\.target) == ["/new", "/2", "/1"])
        #expect(try await again.all().map(\.id) == ["3", "2", "1"])
    }

    @Test("a line that somebody has edited is left out, and the others keep their ids")
    func edited() async throws {
        let directory = try TemporaryDirectory()
        let log = try Self.open(directory)
        for number in 1...3 { await log.record(.entry(target: "/\(number)")) }
        let file = try #require(try Self.files(directory).first)
        var lines = try String(contentsOfFile: file.path, encoding: .utf8).components(separatedBy: "\n")
        lines[1] = "edited"
        try lines.joined(separator: "\n").write(toFile: file.path, atomically: true, encoding: .utf8)
        let again = try Self.open(directory)
        await again.record(.entry(target: "/4"))
        #expect(try await again.all().map(\.target) == ["/4", "/3", "/1"])
    }

    @Test(
        "an entry of which one character was changed does not match its checksum, and is left out; earlier releases have none"
    )
    func changed() async throws {
        let directory = try TemporaryDirectory()
        let log = try Self.open(directory)
        for number in 1...3 { await log.record(.entry(target: "/\(number)")) }
        let file = try #require(try Self.files(directory).first)
        var lines = try String(contentsOfFile: file.path, encoding: .utf8).components(separatedBy: "\n")
        #expect(lines[0].contains(#""sha256":""#))
        // As an earlier release wrote it.
        lines[0] = lines[0].replacing(#/,"sha256":"[0-9a-f]*"/#, with: "")
        lines[1] = lines[1].replacing("/2", with: "/7")
        try lines.joined(separator: "\n").write(toFile: file.path, atomically: true, encoding: .utf8)
        let again = try Self.open(directory)
        #expect(try await again.all().map(\.target) == ["/3", "/1"])
        await again.record(.entry(target: "/4"))
        #expect(try await again.all().map(\.id) == ["4", "3", "1"])
    }

    @Test("when it cannot be written, what is asked for happens all the same; once it can, it is")
    func failing() async throws {
        let directory = try TemporaryDirectory()
        let log = try Self.open(directory)
        let path = directory.file("audit")
        // A directory that is only missing would be made again.
        try FileManager.default.removeItem(atPath: path)
        try Data().write(to: URL(filePath: path))
        func lost() -> [MetricFamily.Sample.Value] {
            log.metrics.filter { $0.name == "ttms_audit_entries_lost_total" }.flatMap(\.samples).map(\.value)
        }
        #expect(lost() == [.number(0)])
        await log.record(.entry(target: "/lost"))
        #expect(lost() == [.number(1)])
        try FileManager.default.removeItem(atPath: path)
        await log.record(.entry(target: "/kept"))
        #expect(try await log.all().map(\.target) == ["/kept"])
        #expect(lost() == [.number(1)])
        #expect(
            try FileManager.default.attributesOfItem(atPath: Self.files(directory)[0].path)[.posixPermissions] as? Int == 0o600
        )
    }

    @Test("a place where it cannot be is an error that names it")
    func unusable() throws {
        let directory = try TemporaryDirectory()
        let error = #expect(throws: AdminError.self) {
            try AuditLog(
                directory: directory.file("no/audit"),
                inventory: .silent(directory),
                limit: Self.limit,
                logger: .silent
            )
        }
        #expect(error?.description.contains("no/audit") == true)
    }
}
