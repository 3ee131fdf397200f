import AdminAPI
import ArgumentParser

/// Creates, lists and revokes tokens for the admin API.
struct Token: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Create, list and revoke tokens for the admin API.",
        discussion: """
            A token allows the requests of its scopes: \(Scope.allCases.map(\.rawValue).joined(separator: ", ")); admin \
            includes the others. The token in the file admin.token has all scopes. To replace it, delete the file and send the \
            relay SIGHUP (kill -HUP, systemctl reload).
            """,
        subcommands: [Create.self, Revoke.self, List.self]
    )

    /// Creates a token.
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a token. It is shown only now: the relay stores a digest of it, not the token."
        )

        @Argument(help: "A name for the token's user, of letters, digits, '.', '_', '@' and '-'.")
        var name: String

        @Option(help: ArgumentHelp("A scope of the token. Can be given several times.", valueName: "scope"))
        var scope: [Scope]

        @Option(
            name: .customLong("for"),
            help: ArgumentHelp("The time for which it is valid, such as 12h or 90d. (default: for ever)", valueName: "time")
        )
        var validity: TimeToLive?

        @OptionGroup var relay: RelayOptions

        func validate() throws {
            if self.scope.isEmpty { throw ValidationError("Give at least one --scope.") }
        }

        func run() async throws {
            let seconds = self.validity.flatMap { $0.seconds == 0 ? nil : $0.seconds }
            let request = CreateTokenRequest(name: self.name, scopes: self.scope, forSeconds: seconds)
            let token = try await self.relay.client().post(TokenResource.self, RoutePath.tokens.path(), body: request)
            switch self.relay.output {
            case .json: try Console.write(json: token)
            case .table: for line in Self.lines(token) { Console.write(line) }
            }
        }

        static func lines(_ token: TokenResource) -> [String] {
            Table.fields([
                ("id", token.id),
                ("name", token.name),
                ("scopes", token.scopes.map(\.rawValue).joined(separator: ", ")),
                ("expires", token.expiresAt ?? "never"),
                ("token", token.token ?? "-"),
            ])
        }
    }

    /// Lists tokens.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the tokens, without their secrets.")

        @OptionGroup var relay: RelayOptions

        func run() async throws {
            let printer = ListPrinter<TokenResource>(
                self.relay.output,
                columns: [
                    ("ID", .left), ("NAME", .left), ("SCOPES", .left), ("CREATED", .left), ("EXPIRES", .left),
                    ("LAST USED", .left),
                ]
            ) { token in
                [
                    token.id, token.name, token.scopes.map(\.rawValue).joined(separator: ","), token.createdAt ?? "-",
                    token.expiresAt ?? "never", token.lastUsedAt ?? "-",
                ]
            }
            try await self.relay.client().list(RoutePath.tokens.path(), to: printer)
        }
    }

    /// Revokes a token.
    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revoke a token: it is refused from now on.")

        @Argument(help: "The token's id, as `token list` shows it.")
        var id: String

        @OptionGroup var relay: RelayOptions

        func run() async throws {
            try await self.relay.client().delete(RoutePath.token.path(self.id))
            if self.relay.output == .table { Console.write("token \(self.id) revoked") }
        }
    }
}

extension Scope: ExpressibleByArgument {}
