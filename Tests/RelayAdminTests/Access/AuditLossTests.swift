import AdminAPI
import Foundation
import Logging
import RelayCore
import Testing

@testable import RelayAdmin

/// Files of the audit log that others remove, empty or overwrite: ids are never given twice, and what is gone is counted.
@Suite struct AuditLossTests {
    private static func open(_ directory: TemporaryDirectory) throws -> AuditLog {
        try AuditLog(
            directory: directory.file("audit"),
            inventory: .silent(directory),
            limit: 1 << 20,
            logger: .silent
        )
    }

    private static func lost(_ log: AuditLog) -> [MetricFamily.Sample.Value] {
        log.metrics.filter { $0.name == "ttms_audit_entries_lost_total" }.flatMap(\.samples).map(\.value)
    }

    enum Damage: CaseIterable {
        case removed
        case emptied
        case zeroed
        case cutOff
        case directoryRemoved

        func happen(to file: String) throws {
            let url = URL(filePath: file)
            let content = try Data(contentsOf: url)
            switch self {
            case .removed: try FileManager.default.removeItem(at: url)
            case .emptied: try Data().write(to: url)
            case .zeroed: try Data(count: content.count).write(to: url)
            case .cutOff:
                let line = try #require(content.firstIndex(of: UInt8(ascii: "\n")))
                try content.prefix(through: line).write(to: url)
            case .directoryRemoved: try FileManager.default.removeItem(at: url.deletingLastPathComponent())
            }
        }
    }

    @Test("while the relay was away: ids go on, and the loss is counted", arguments: Damage.allCases)
    func away(_ damage: Damage) async throws {
        let directory = try TemporaryDirectory()
        let log = try Self.open(directory)
        for number in 1...3 { await log.record(.entry(target: "/\(number)")) }
        await log.close()
        try damage.happen(to: try #require(try AuditFiles.all(in: directory.file("audit")).first).path)

        let again = try Self.open(directory)
        #expect(Self.lost(again) == [.number(damage == .cutOff ? 2 : 3)])
        await again.record(.entry(target: "/4"))
        let entries = try await again.all()
        #expect(entries.first?.id == "4" && entries.first?.target == "/4")
        #expect(entries.count == (damage == .cutOff ? 2 : 1))
    }

    @Test("after a crash: no id is given twice", arguments: [Damage.removed, .emptied, .zeroed, .directoryRemoved])
    func crash(_ damage: Damage) async throws {
        let directory = try TemporaryDirectory()
        let log = try Self.open(directory)
        for number in 1...3 { await log.record(.entry(target: "/\(number)")) }
        try damage.happen(to: try #require(try AuditFiles.all(in: directory.file("audit")).first).path)
        let again = try Self.open(directory)
        #expect(Self.lost(again) == [.number(1)])
        await again.record(.entry(target: "/4"))
        #expect(try await again.all().first.flatMap { UInt64($0.id) } ?? 0 > 3)
    }

    @Test("while the relay runs: the next entry is kept, and the loss is counted", arguments: Damage.allCases)
    func running(_ damage: Damage) async throws {
        let directory = try TemporaryDirectory()
        let log = try Self.open(directory)
        for number in 1...3 { await log.record(.entry(target: "/\(number)")) }
        try damage.happen(to: try #require(try AuditFiles.all(in: directory.file("audit")).first).path)
        await log.record(.entry(target: "/4"))
        #expect(Self.lost(log) == [.number(damage == .cutOff ? 2 : 3)])
        let entries = try await log.all()
        #expect(entries.first?.id == "4" && entries.first?.target == "/4")
    }
}
