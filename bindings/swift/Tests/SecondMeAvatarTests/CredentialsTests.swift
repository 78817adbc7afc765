import Foundation
import SecondMeAvatar
import Testing

@Suite struct CredentialsTests {
    @Test func anAppSpeaksWithoutTheKeyAndAsksAgainOnceItsTokenIsRefused() async throws {
        let emulator = try await Emulator.start()
        let server = try emulator.client()
        let asked = Told<CredentialsRequest>()
        let ada = try Visitor.forUser("ios", "ada")
        let app = try AvatarClient.withCredentials(options: emulator.options()) { request in
            asked.add(request)
            return try Credentials(json: await server.authenticate(ada).toJSON())
        }
        let me = try await server.authenticate(ada).visitor()
        #expect(me.id == ada.id)
        let chat = try await app.open(me)
        #expect(try await chat.ask("Hello").text == "You said: Hello")
        try await emulator.call("faults", ["at": "message/send", "do": "expired-token"])
        #expect(try await chat.ask("Still there?").text == "You said: Still there?")
        #expect(
            asked.all == [
                CredentialsRequest(visitorID: ada.id, refused: false),
                CredentialsRequest(visitorID: ada.id, refused: true),
            ])
        let without = await failure { try await app.authenticate(ada) }
        #expect(without?.kind == .misuse)
        #expect(without?.message.contains("no API key") == true)
        #expect(await failure { try app.setAPIKey("sk-other") }?.kind == .misuse)
        let other = await failure { try await app.open(.forUser("ios", "bob")) }
        #expect(other?.message.contains("open the visitor that the credentials name") == true)
        await app.close()
        await server.close()
    }

    @Test func credentialsAreShownByTheirVisitorAlone() async throws {
        let emulator = try await Emulator.start()
        let server = try emulator.client()
        let credentials = try await server.authenticate(.forUser("ios", "ada"))
        let json = credentials.toJSON()
        let parsed = try #require(JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        let token = try #require(parsed["visitorToken"] as? String)
        var dumped = ""
        dump(credentials, to: &dumped)
        for text in ["\(credentials)", dumped, String(reflecting: credentials)] { #expect(!text.contains(token)) }
        #expect(try Credentials(json: json) == credentials)
        let broken = await failure {
            try Credentials(json: json.replacingOccurrences(of: "visitorMindId", with: "another"))
        }
        #expect(broken?.kind == .invalidAnswer)
        #expect(broken?.message.contains(token) == false)
        await server.close()
    }

    @Test func whatTheFunctionThrowsIsTheErrorOfTheCallsThatWait() async throws {
        let emulator = try await Emulator.start()
        let app = try AvatarClient.withCredentials(options: emulator.options()) { _ in
            throw Failure("not signed in, token=secret")
        }
        let error = await failure { try await app.open(.forUser("ios", "ada")) }
        #expect(error?.kind == .authentication)
        #expect(error?.message.contains("gives the visitors' credentials has failed") == true)
        #expect(error?.message.contains("token=secret") == false)
        await app.close()
    }

    @Test func aKeyIsReplacedWhilePeopleTalk() async throws {
        let emulator = try await Emulator.start()
        let first: [String: Value] = ["key": .string(emulator.apiKey), "share-code": "ebe251793d69"]
        let second: Value = ["key": "sk-second", "share-code": "ebe251793d69"]
        try await emulator.call("settings", ["keys": [.object(first), second]])
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        try client.setAPIKey("sk-second")
        try await emulator.call("settings", ["keys": [.object(first.merging(["disabled": true]) { $1 }), second]])
        try await emulator.call("faults", ["at": "message/send", "do": "expired-token"])
        #expect(try await chat.ask("Hello").text == "You said: Hello")
        #expect(try await client.open(.forUser("ios", "bob")).ask("Hi").text == "You said: Hi")
        #expect(await failure { try client.setAPIKey("pk-third") }?.kind == .misuse)
        await client.close()
    }
}

extension Emulator {
    fileprivate func options() -> ClientOptions {
        var options = ClientOptions()
        options.baseURL = baseURL
        return options
    }
}
