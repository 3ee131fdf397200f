import AdminAPI
import ArgumentParser
import Foundation
import RelayCore
import RelayStorage
import TTMSProtocol

/// Commands on the store of a relay that is not running. They read its files directly.
struct Store: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check or export the store of a relay that is not running, or accept its loss.",
        discussion: "Only accept changes the store. No relay can start on the store while a command uses it.",
        subcommands: [StoreCheck.self, StoreExport.self, StoreAccept.self]
    )
}

/// The store that a command uses.
struct StoreOptions: ParsableArguments {
    @Option(
        name: .customLong("data-dir"),
        help: ArgumentHelp("The relay's data directory. (default: $STATE_DIRECTORY, or ./data)", valueName: "dir")
    )
    var dataDirectory: String?

    /// The directory of the store.
    var path: String {
        let directory = RelayLocation.dataDirectory(self.dataDirectory, environment: ProcessInfo.processInfo.environment)
        return "\(directory)/\(Endpoints.storeDirectoryName)"
    }

    /// Opens the store and returns the result of `read`. A store that is too damaged to be opened is a result, too.
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
        return "A relay is using the store in \(path). Stop it first, or use a copy of its data directory."
    }
}

extension InspectionResult.Finding {
    /// The finding in one line, for people.
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
