import AdminAPI
import RelayCore

/// The endpoints for the settings of the running relay: list, check, reload.
struct SettingEndpoints: Sendable {
    let settings: any RelaySettings
    let access: AccessControl

    @Sendable
    func list(_ request: HTTPRequest) async throws -> HTTPResponse {
        let refused = await self.settings.refusedReload()
        return try .json(
            SettingList(
                data: await self.settings.settings().map { SettingResource($0) },
                refusedReload: refused.map { refused in
                    RefusedReloadResource(at: refused.at.text, errors: refused.flaws.map { SettingFlaw($0) })
                }
            )
        )
    }

    @Sendable
    func validate(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard request.mediaType == "application/yaml" else {
            throw ProblemDetails(.unsupportedMediaType, detail: "Set Content-Type to application/yaml.")
        }
        let receipt: ConfigurationReceipt
        do throws(SettingFlaws) {
            receipt = ConfigurationReceipt(try await self.settings.check(file: request.body))
        } catch {
            receipt = ConfigurationReceipt(valid: false, errors: error.flaws.map { SettingFlaw($0) })
        }
        return try .json(receipt)
    }

    /// Adds a full stop where there is none.
    private static func sentence(_ text: String) -> String { text.hasSuffix(".") ? text : "\(text)." }

    /// Reads the configuration and the file `admin.token` again, as `SIGHUP` does.
    @Sendable
    func reload(_ request: HTTPRequest) async throws -> HTTPResponse {
        do {
            let changes = try await self.settings.reload()
            try await self.access.tokens.reload()
            var response = try HTTPResponse.json(ConfigurationReceipt(changes))
            response.record = [
                "changed": changes.changed.joined(separator: ", "),
                "needs_restart": changes.needsRestart.joined(separator: ", "),
            ].filter { !$0.value.isEmpty }
            return response
        } catch let error as SettingFlaws {
            throw ProblemDetails(
                .invalidConfiguration,
                detail: "Nothing has changed. Correct what `errors` lists, and reload again.",
                errors: error.flaws.map { flaw in
                    ProblemDetails.Flaw(
                        pointer: flaw.key,
                        detail: "\(flaw.source): \(Self.sentence(flaw.problem)) Allowed: \(Self.sentence(flaw.allowed))"
                    )
                }
            )
        } catch let error as AdminError {
            throw ProblemDetails(
                .invalidConfiguration,
                detail: "The settings were read again, and the former admin token stays valid. \(error.description)"
            )
        }
    }
}

/// The endpoints for the temporary log level.
struct LogLevelEndpoints: Sendable {
    let settings: any RelaySettings

    @Sendable
    func show(_ request: HTTPRequest) async throws -> HTTPResponse {
        try .json(LogLevelResource(await self.settings.logLevel()))
    }

    @Sendable
    func set(_ request: HTTPRequest) async throws -> HTTPResponse {
        var body = try JSONBody(request, fields: SetLogLevelRequest.fieldNames)
        let words = LogLevelName.allCases.map(\.rawValue).joined(separator: ", ")
        let level = body.required("level", "It has to be one of \(words).") { $0.text.flatMap(LogSeverity.init(rawValue:)) }
        let seconds = body.requiredNumber("for_seconds", in: 1 ... .max)
        guard body.isSound, let level, let seconds else { throw body.problem }
        let resource = LogLevelResource(await self.settings.setLogLevel(level, seconds: seconds))
        var response = try HTTPResponse.json(resource)
        response.record = ["level": resource.level.rawValue, "for_seconds": String(seconds)]
        return response
    }

    @Sendable
    func revert(_ request: HTTPRequest) async throws -> HTTPResponse {
        try .json(LogLevelResource(await self.settings.revertLogLevel()))
    }
}

extension SettingResource {
    init(_ setting: SettingSnapshot) {
        self.init(
            key: setting.key,
            value: setting.value,
            source: setting.source,
            reloadable: setting.isReloadable,
            pendingValue: setting.pendingValue
        )
    }
}

extension SettingFlaw {
    init(_ flaw: SettingFlaws.Flaw) {
        self.init(key: flaw.key, source: flaw.source, problem: flaw.problem, allowed: flaw.allowed)
    }
}

extension ConfigurationReceipt {
    init(_ changes: SettingChanges) {
        self.init(valid: true, changed: changes.changed, needsRestart: changes.needsRestart)
    }
}

extension LogLevelResource {
    init(_ level: LogLevelSnapshot) {
        self.init(
            level: LogLevelName(level.level),
            configuredLevel: LogLevelName(level.configured),
            revertsAt: level.revertsAt?.text
        )
    }
}

extension LogLevelName {
    init(_ severity: LogSeverity) {
        self =
            switch severity {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            case .critical: .critical
            }
    }
}
