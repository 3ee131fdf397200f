import AdminAPI
import ArgumentParser
import Foundation
import RelayCore
import RelayStorage
import TTMSProtocol

/// The store of a relay that does not run. There is nobody to ask, so this reads the files themselves.
struct Store: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check or export the store of a relay that does not run, or accept what it has lost.",
        discussion: "Only accept changes anything in the store. A relay cannot start on it in the meantime.",
        subcommands: [StoreCheck.self, StoreExport.self, StoreAccept.self]
    )
}

/// Which store a command reads.
struct StoreOptions: ParsableArguments {
    @Option(
        name: .customLong("data-dir"),
        help: ArgumentHelp("The relay's data directory. (default: $STATE_DIRECTORY, or ./data)", valueName: "dir")
    )
    var dataDirectory: String?

    /// Where the store is.
    var path: String {
        let directory = RelayLocation.dataDirectory(self.dataDirectory, environment: ProcessInfo.processInfo.environment)
        return "\(directory)/\(Endpoints.storeDirectoryName)"
    }

    /// Opens the store and lets `read` look at it. One that is too damaged to be opened has that for a result.
    func inspect(_ read: (StoreInspection) throws(Failure) -> InspectionResult) throws(Failure) -> InspectionResult {
        let inspection: StoreInspection
        do {
            inspection = try StoreInspection(directory: self.path)
        } catch {
            if let result = InspectionResult(notOpened: error) { return result }
            throw Failure(Self.status(of: error.code), Self.message(error, path: self.path))
        }
        return try read(inspection)
    }

    static func status(of code: StoreError.Code) -> EndStatus {
        switch code {
        case .inUse: .busy
        case .newerFormat: .notUnderstood
        case .noPermission: .noPermission
        case .missing, .damaged, .inputOutput, .diskFull, .displaced, .other: .noInput
        }
    }

    static func message(_ error: StoreError, path: String) -> String {
        guard error.code == .inUse else { return error.message }
        return "A relay works on the store in \(path). Stop it first, or look at a copy of its data directory."
    }
}

extension InspectionResult.Finding {
    /// For people.
    var line: String {
        self.kind.rawValue + ": " + (self.ccid.map { "terminal \($0): " } ?? "") + self.message
    }
}

extension InspectionResult {
    /// One line per finding, and one for those that are only counted.
    var lines: [String] {
        self.findings.map(\.line) + (self.omittedFindings > 0 ? ["and \(self.omittedFindings) more"] : [])
    }
}
