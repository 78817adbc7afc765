import SecondMeAvatar
import SecondMeAvatarTesting
import Testing

/// Tests of a bot of your own, against the service on this machine: no account, no key, no network.
@Suite struct BotTests {
    @Test func theOwnerIsHeard() async throws {
        let emulator = try await AvatarEmulator.start()
        var options = ClientOptions()
        options.baseURL = emulator.baseURL
        let client = try AvatarClient(apiKey: emulator.apiKey, options: options)
        let chat = try await client.open(.forUser("test", "ada"))
        let events = chat.events
        let session = try #require(chat.sessionID)
        try await emulator.post("owner/reply", json: #"{"sessionId": "\#(session)", "text": "This is the real me"}"#)

        let reply = try await events.waitFor { $0.reply }
        #expect(reply.author == .owner)
        #expect(reply.text == "This is the real me")
        await client.close()
    }

    @Test func aLostAnswerDoesNotDoubleTheMessage() async throws {
        let emulator = try await AvatarEmulator.start()
        try await emulator.post("faults", json: #"{"at": "message/send", "do": "cut-after"}"#)
        var options = ClientOptions()
        options.baseURL = emulator.baseURL
        let client = try AvatarClient(apiKey: emulator.apiKey, options: options)
        let chat = try await client.open(.forUser("test", "ada"))
        #expect(try await chat.ask("Hello").text == "You said: Hello")
        await client.close()
    }
}
