import Foundation
import SecondMeAvatar
import Testing

/// What others say is repeated without the secrets that it holds, in all that a program can print. The secrets look
/// like plain words, so that only knowing them helps.
@Suite struct SecretsTests {
    private static let key = "sk-horse"
    private static let other = "purple-monkey"
    private static let appSecret = "dish-washer"

    @Test func whatTheServiceRepeatsOfTheKey() async throws {
        let seen = Seen()
        let emulator = try await Emulator.start("--api-key", Self.key)
        var options = ClientOptions()
        options.onCall = { seen.add($0) }
        let client = try emulator.client(options)
        let events = client.events(raw: true)
        let listening = Task { for await event in events { seen.add(event) } }
        let repeats: Value = [
            "fail": ["code": .string("bad.\(Self.key)"), "reason": .string("the key \(Self.key) is unknown")]
        ]
        try await emulator.call("faults", ["at": "auth", "do": repeats])
        let ada = try Visitor.forUser("ios", "ada")
        seen.add(await failure { try await client.open(ada) })
        let body = Value.string("{\"code\": \"\(Self.key)\"}")
        try await emulator.call("faults", ["at": "auth", "do": ["status": 418, "body": body]])
        seen.add(await failure { try await client.open(ada) })
        let chat = try await client.open(ada)
        try await emulator.call("faults", ["at": "reply", "do": repeats])
        seen.add(await failure { try await chat.ask("Hello") })
        let reason = Value.string("closed for \(Self.key)")
        try await emulator.call("sockets/close", ["code": 4001, "reason": reason])
        try await until("\(client.stats)") { client.stats.lost > 0 && chat.state == .live ? () : nil }
        seen.add(chat)
        seen.add(client)
        seen.add(client.stats)
        await client.close()
        await listening.value
        seen.hides([Self.key], quoted: "the key … is unknown")
        seen.hides([Self.key], quoted: "closed for …")
    }

    @Test func whatAFunctionThatGivesCredentialsThrows() async throws {
        let seen = Seen()
        let emulator = try await Emulator.start()
        let server = try emulator.client()
        let ada = try Visitor.forUser("ios", "ada")
        let json = try await server.authenticate(ada).toJSON()
        let token = try #require(try Value.parse(Data(json.utf8))["visitorToken"].string)
        var options = ClientOptions()
        options.baseURL = emulator.baseURL
        let app = try AvatarClient.withCredentials(options: options) { request in
            seen.add(request)
            guard !request.refused else {
                throw Failure("the server has refused \(json) with \(token), Bearer \(Self.other)")
            }
            let credentials = try Credentials(json: json)
            seen.add(credentials)
            return credentials
        }
        let chat = try await app.open(ada)
        try await emulator.call("faults", ["at": "message/send", "do": "expired-token"])
        seen.add(await failure { try await chat.ask("Hello") })
        seen.add(app)
        await app.close()
        seen.hides([token, Self.other], quoted: "has failed: Failure: the server has refused")
        // Before it has given any, no token is known: it shows in the form of the text alone.
        let first = try AvatarClient.withCredentials(options: options) { _ in throw Failure("cannot read \(json)") }
        seen.add(await failure { try await first.open(ada) })
        await first.close()
        await server.close()
        seen.hides([token, Self.other], quoted: "Failure: cannot read")
    }

    @Test func whatASealThrows() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let seen = Seen()
        let emulator = try await Emulator.start("--api-key", Self.key)
        var options = ClientOptions()
        options.store = folder.appendingPathComponent("avatar.db").path
        options.seal = Leaking(words: "no key in \(Self.key), password=\(Self.other)")
        seen.add(options)
        let client = try emulator.client(options)
        seen.add(await failure { try await client.open(.forUser("ios", "ada")).sendDurable("Hello") })
        await client.close()
        seen.hides([Self.key, Self.other], quoted: "no key in …")
    }

    @Test func aClientThatCannotBeMade() async throws {
        let seen = Seen()
        var options = ClientOptions()
        options.proxy = "socks5://ada:\(Self.other)@proxy.example.com:1080"
        seen.add(options)
        let proxied = options
        seen.add(await failure { try AvatarClient(apiKey: Self.key, options: proxied) })
        seen.add(await failure { try AvatarClient(apiKey: "a key \(Self.key)") })
        seen.add(
            await failure {
                try AvatarClient.visitorChat(
                    clientID: "app", clientSecret: Self.appSecret, apiKey: Self.key, options: proxied)
            })
        seen.add(await failure { try AvatarClient.withCredentials(options: proxied) { _ in throw Failure("") } })
        seen.hides([Self.key, Self.other, Self.appSecret], quoted: "SOCKS")
    }
}

private struct Leaking: Seal {
    let words: String

    func seal(_ bytes: Data) throws -> Data { throw Failure(words) }
    func unseal(_ sealed: Data) throws -> Data { throw Failure(words) }
}

/// All that a program gets to see, printed in each way that Swift has.
private struct Seen: Sendable {
    private let shown = Told<String>()

    func add<Shown>(_ value: Shown?) {
        guard let value else { return }
        var dumped = ""
        dump(value, to: &dumped)
        for text in ["\(value)", String(reflecting: value), dumped] { shown.add(text) }
        switch value {
        case let error as AvatarError:
            let bridged = (error as any Error).localizedDescription
            shown.add("\(bridged) \(error.failureReason ?? "") \(error.code ?? "") \(error.causes)")
        case let call as CallReport: add(call.error)
        case let event as Event: add(of: event.kind)
        default: break
        }
    }

    private func add(of kind: Event.Kind) {
        switch kind {
        case .disconnected(_, let cause, _, let reason):
            add(cause)
            shown.add(reason ?? "")
        case .serviceError(let failed): shown.add("\(failed.code) \(failed.reason ?? "")")
        case .unsent(_, let error): add(error)
        case .closed(.failed(let error)): add(error)
        default: break
        }
    }

    func hides(_ secrets: [String], quoted: String) {
        #expect(shown.all.contains { $0.contains(quoted) }, "no `\(quoted)` in \(shown.all)")
        for secret in secrets {
            #expect(!shown.all.contains { $0.contains(secret) }, "\(secret) in \(shown.all)")
        }
    }
}
