import Configuration
import Foundation
import Yams

extension ConfigurationSource {
    private static func failure(
        _ path: String,
        _ problem: String,
        line: Int?,
        allowed: String
    ) -> ConfigurationErrors {
        let place = ConfigurationPlace.file(path: path, line: line)
        return ConfigurationErrors(errors: [
            ConfigurationError(key: "", place: place, problem: problem, allowed: allowed)
        ])
    }

    /// Reads `data`, the contents of the file at `path`: a YAML mapping of keys to single values or lists of them.
    ///
    /// - Throws: the error that makes the whole file unusable; wrong keys and values are found later.
    static func yaml(_ data: Data, path: String) throws(ConfigurationErrors) -> ConfigurationSource {
        func failure(_ problem: String, line: Int? = nil) -> ConfigurationErrors {
            self.failure(path, problem, line: line, allowed: "a YAML mapping, lines of `key: value`")
        }
        // libyaml treats a zero byte as the end of the file.
        if let zero = data.firstIndex(of: 0) {
            let line = 1 + data[..<zero].count { $0 == UInt8(ascii: "\n") }
            throw failure("it holds a byte that is zero: a power failure or a full disk may have damaged it", line: line)
        }
        let root: Node?
        let snapshot: any ConfigSnapshot
        do {
            root = try Parser(yaml: data).singleRoot()
            guard let root, root.null == nil else {
                // A file with only comments sets nothing.
                return ConfigurationSource(places: [:], snapshot: InMemoryProvider(values: [:]).snapshot())
            }
            guard case .mapping = root else {
                throw failure("it is not a mapping", line: root.mark?.line)
            }
            snapshot = try YAMLSnapshot(data: data.bytes, providerName: path, parsingOptions: .default)
        } catch let error as ConfigurationErrors {
            throw error
        } catch let error as YamlError {
            throw failure("it is not YAML: \(error.problem)", line: error.line)
        } catch {
            throw failure("\(error)")
        }

        var places: [String: ConfigurationPlace] = [:]
        for (key, _) in root?.mapping ?? [:] {
            places[key.string ?? ""] = .file(path: path, line: key.mark?.line)
        }
        return ConfigurationSource(places: places, snapshot: snapshot)
    }
}

extension YamlError {
    /// The problem, without the place and the excerpt that the library's own description adds.
    fileprivate var problem: String {
        switch self {
        case .scanner(_, let problem, _, _), .parser(_, let problem, _, _), .composer(_, let problem, _, _),
            .reader(let problem, _, _, _), .writer(let problem), .emitter(let problem), .representer(let problem):
            problem
        case .duplicatedKeysInMapping(let duplicates, _):
            "set twice: \(duplicates.joined(separator: ", "))"
        case .dataCouldNotBeDecoded: "it is not UTF-8"
        case .no, .memory: "\(self)"
        }
    }

    /// The line of the problem, counted from 1.
    fileprivate var line: Int? {
        switch self {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): mark.line
        case .duplicatedKeysInMapping(_, let context): context.mark.line
        default: nil
        }
    }
}
