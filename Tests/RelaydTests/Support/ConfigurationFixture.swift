import ArgumentParser
import Foundation
import Testing

@testable import ttms_relayd

/// Loads a configuration as the program would, from texts.
///
/// - Parameters:
///   - file: the text of a file that `--config` names as `PATH` in what comes back; `nil` for none.
///   - arguments: the rest of the command line.
func load(
    file: String? = nil,
    environment: [String: String] = [:],
    arguments: [String] = []
) throws -> RelayConfiguration {
    guard let file else {
        return try RelayConfiguration.load(options: try RelaydOptions.parse(arguments), environment: environment)
    }
    let url = FileManager.default.temporaryDirectory.appending(path: "ttms-\(UUID().uuidString).yaml")
    try Data(file.utf8).write(to: url)
    defer { try? FileManager.default.removeItem(at: url) }
    let options = try RelaydOptions.parse(["--config", url.path()] + arguments)
    do {
        return try RelayConfiguration.load(options: options, environment: environment)
    } catch {
        throw ConfigurationErrors(
            errors: error.errors.map { error in
                var error = error
                if case .file(_, let line) = error.place { error.place = .file(path: "PATH", line: line) }
                return error
            }
        )
    }
}

/// The errors that loading ends with; none when it succeeds.
func errors(
    file: String? = nil,
    environment: [String: String] = [:],
    arguments: [String] = []
) throws -> [ConfigurationError] {
    do {
        _ = try load(file: file, environment: environment, arguments: arguments)
        return []
    } catch let errors as ConfigurationErrors {
        return errors.errors
    }
}
