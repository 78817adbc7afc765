import Foundation
import SecondMeAvatar
import Testing

@Suite struct VisitorChatTests {
    @Test func anAppOpensAConversationAsksAndIsAnswered() async throws {
        let emulator = try await Emulator.start()
        let steps = Told<CallReport>()
        let client = try emulator.ofApp { $0.onCall = { steps.add($0) } }
        let chat = try await client.open(.forUser("ios", "ada"))
        #expect(chat.opening == "Hello! 👋")
        #expect(try await chat.ask("Hello").text == "You said: Hello")
        #expect(try await client.open(.forUser("ios", "bob")).ask("Hello").text == "You said: Hello")
        // The app's token is fetched once for both.
        #expect(try await emulator.calls("oauth/token") == 1)
        try await until("\(steps.all)") {
            let wanted: [AvatarError.Step] = [.fetchToken, .initVisitorChat, .connect]
            return wanted.allSatisfy { step in steps.all.contains { $0.step == step } } ? () : nil
        }
        for thing in [client, chat] as [Any] {
            var dumped = ""
            dump(thing, to: &dumped)
            for text in ["\(thing)", dumped] {
                #expect(!text.contains(emulator.clientSecret) && !text.contains(emulator.apiKey))
            }
        }
        await client.close()
    }

    @Test func aFunctionGivesTheUsersTokensAndIsAskedAgainWhenOneWasRefused() async throws {
        let emulator = try await Emulator.start("--user-token", "lba_at_ann=ann")
        let asked = Told<TokenRequest>()
        let client = try emulator.ofUsers { request in
            asked.add(request)
            return request.refused ? "lba_at_next" : "lba_at_ann"
        }
        let visitor = try Visitor.forUser("ios", "ada")
        let chat = try await client.open(visitor)
        #expect(try await chat.ask("Hello").text == "You said: Hello")
        try await emulator.call("settings", ["user-tokens": [["token": "lba_at_next", "user": "ann"]]])
        try await emulator.call("chat-tokens", ["token": "lba_at_ann", "standing": "revoked"])
        #expect(try await chat.ask("Again").text == "You said: Again")
        #expect(
            asked.all == [
                TokenRequest(visitorID: visitor.id, refused: false), TokenRequest(visitorID: visitor.id, refused: true),
            ])
        let next: Value = ["token": "lba_at_next", "user": "ann", "standing": "withdrawn"]
        try await emulator.call("settings", ["user-tokens": [next]])
        let withdrawn = await failure { try await chat.ask("And now?") }
        #expect(withdrawn?.kind == .authentication)
        #expect(withdrawn?.code == "oauth2.authorization.revoked")
        #expect(!"\(String(describing: withdrawn))".contains("lba_at"))
        await client.close()
    }

    @Test func whatTheFunctionThrowsIsTheErrorOfTheCallsThatWait() async throws {
        let emulator = try await Emulator.start()
        let throwing = try emulator.ofUsers { _ in throw Failure("no user is logged in, lba_at_secret") }
        let error = await failure { try await throwing.open(.forUser("ios", "ada")) }
        #expect(error?.kind == .authentication)
        #expect(error?.step == .fetchToken)
        #expect(error?.message.contains("Failure: no user is logged in") == true)
        #expect(error?.message.contains("lba_at_secret") == false)
        await throwing.close()
        // One of this library's own keeps its kind.
        let own = try emulator.ofUsers { _ in try Visitor.parse("Ada").id }
        #expect(await failure { try await own.open(.forUser("ios", "ada")) }?.kind == .invalidVisitorID)
        await own.close()
        for wrong in ["", "lba_at with a space", "lba_at\n"] {
            let client = try emulator.ofUsers { _ in wrong }
            #expect(await failure { try await client.open(.forUser("ios", "ada")) }?.kind == .misuse)
            await client.close()
        }
        #expect(try await emulator.calls("visitor-chat/init") == 0)
    }

    @Test func aFunctionWhoseNetworkFailsIsAskedAgainWithinTheDeadline() async throws {
        let emulator = try await Emulator.start("--user-token", "lba_at_ann=ann")
        let asked = Told<TokenRequest>()
        let client = try emulator.ofUsers { request in
            asked.add(request)
            if asked.all.count == 1 { throw URLError(.notConnectedToInternet) }
            return "lba_at_ann"
        }
        let opening = Task { try await client.open(.forUser("ios", "ada")) }
        // The clock goes on until the second attempt is made, and no further: deadlines stand in it too.
        try await until("\(asked.all)") {
            if asked.all.count == 1 { client.advanceClock(by: .milliseconds(100)) }
            return asked.all.count == 2 ? () : nil
        }
        _ = try await soon { try await opening.value }
        #expect(asked.all.count == 2)
        await client.close()
    }

    @Test func aFunctionThatNeverAnswersIsGivenUpAndAskedAgain() async throws {
        let emulator = try await Emulator.start("--user-token", "lba_at_ann=ann")
        let (asked, said) = (Told<TokenRequest>(), Told<String>())
        let client = try emulator.ofUsers { request in
            asked.add(request)
            return asked.all.count == 1 ? try await endless(said) : "lba_at_ann"
        }
        let opening = Task { try await client.open(.forUser("ios", "ada")) }
        try await until("it has not begun") { said.all.isEmpty ? nil : () }
        client.advanceClock(by: .seconds(21))
        let chat = try await soon { try await opening.value }
        #expect(try await chat.ask("Hello").text == "You said: Hello")
        try await until("\(said.all)") { said.all == ["begun", "ended"] ? () : nil }
        await client.close()
    }

    @Test func aFunctionThatTakesTooLongIsCancelledAndHoldsNothingUp() async throws {
        let emulator = try await Emulator.start("--user-token", "lba_at_ann=ann")
        let said = Told<String>()
        let (ada, bob) = (try Visitor.forUser("ios", "ada"), try Visitor.forUser("ios", "bob"))
        let client = try emulator.ofUsers { request in
            request.visitorID == ada.id ? try await endless(said) : "lba_at_ann"
        }
        let opening = Task { await failure { try await client.open(ada, deadline: .seconds(5)) } }
        try await until("it has not begun") { said.all.isEmpty ? nil : () }
        #expect(try await client.open(bob).ask("Hello").text == "You said: Hello")
        client.advanceClock(by: .seconds(5))
        let error = try await soon { await opening.value }
        #expect(error?.kind == .deadline)
        try await until("\(said.all)") { said.all == ["begun", "ended"] ? () : nil }
        await client.close()
        #expect(client.stats.visitors == 0)
    }

    @Test func closingCancelsTheFunctionThatStillRuns() async throws {
        let emulator = try await Emulator.start()
        let said = Told<String>()
        let client = try emulator.ofUsers { _ in try await endless(said) }
        let opening = Task { await failure { try await client.open(.forUser("ios", "ada")) } }
        try await until("it has not begun") { said.all.isEmpty ? nil : () }
        await client.close()
        #expect(try await soon { await opening.value }?.kind == .closed)
        try await until("\(said.all)") { said.all == ["begun", "ended"] ? () : nil }
    }

    @Test func aClientThatIsReleasedWithoutBeingClosedLetsItsFunctionGo() async throws {
        let emulator = try await Emulator.start("--user-token", "lba_at_ann=ann")
        let said = Told<String>()
        func openAndForget() async throws -> Weak {
            let held = Held()
            let client = try emulator.ofUsers { _ in
                said.add("asked")
                return held.token
            }
            _ = try await client.open(.forUser("ios", "ada"))
            return Weak(held)
        }
        let weak = try await openAndForget()
        #expect(said.all == ["asked"])
        try await until("the function is still held") { weak.object == nil ? () : nil }
    }

    @Test func whatCannotBeIsRefusedBeforeAnythingIsSent() async throws {
        let emulator = try await Emulator.start()
        let key = emulator.apiKey
        var options = ClientOptions()
        options.maxLive = -1
        let wrong: [() throws -> AvatarClient] = [
            { try .visitorChat(clientID: "", clientSecret: "secret", apiKey: key) },
            { try .visitorChat(clientID: "app", clientSecret: "", apiKey: key) },
            { try .visitorChat(clientID: "app", clientSecret: "my secret phrase", apiKey: "my key") },
            { try .visitorChat(apiKey: "my key") { _ in "lba_at_1" } },
            { [options] in try .visitorChat(apiKey: key, options: options) { _ in "lba_at_1" } },
        ]
        for (number, make) in wrong.enumerated() {
            let error = await failure { try make() }
            #expect(error?.kind == .misuse, "number \(number)")
            #expect(error?.message.contains("my ") == false)
        }
        let unset = await failure { try AvatarClient.visitorChatFromEnvironment() }
        #expect(unset?.message.contains("SECONDME_CLIENT_ID") == true)
        let noKey = await failure { try AvatarClient.visitorChat { _ in "lba_at_1" } }
        #expect(noKey?.message.contains("SECONDME_API_KEY") == true)
        #expect(try await emulator.calls("oauth/token") == 0)
    }

    @Test func aWrongClientSecretIsFatalAndIsNotShown() async throws {
        let emulator = try await Emulator.start()
        var options = ClientOptions()
        options.baseURL = emulator.labBaseURL
        let client = try AvatarClient.visitorChat(
            clientID: emulator.clientID, clientSecret: "another-secret", apiKey: emulator.apiKey, options: options)
        let error = await failure { try await client.open(.forUser("ios", "ada")) }
        #expect(error?.kind == .authentication)
        #expect(error?.code == "oauth2.client.secret_mismatch")
        #expect(error?.message.contains("another-secret") == false)
        await client.close()
    }

    @Test func whatThisDoorLacksIsSaid() async throws {
        let emulator = try await Emulator.start(
            "--visitor-chat-second-init", "new", "--visitor-chat-ping-drop", "never")
        let client = try emulator.ofApp()
        let events = client.events
        let chat = try await client.open(.forUser("ios", "ada"))
        let before = try #require(chat.sessionID)
        try await emulator.call("owner/reply", ["sessionId": .string(before), "text": "I am here myself"])
        let owner = try await event(in: events) { if case .ownerReply(let reply) = $0.kind { reply } else { nil } }
        #expect(!owner.what.confirmed)
        try await emulator.call("owner/handback", ["sessionId": .string(before)])
        #expect(try await chat.ask("Hello").confirmed)
        #expect(await failure { try await chat.history(10) }?.kind == .unsupported)
        // The socket's address is good for a minute: only after it is the service asked for another one.
        for _ in 0..<61 {
            client.advanceClock(by: .seconds(1))
            try await emulator.call("clock", ["advance_ms": 1000])
        }
        try await emulator.call("sockets/close", [:])
        let (from, to) = try await event(in: events) {
            if case .sessionReplaced(let from, let to) = $0.kind { (from, to) } else { nil }
        }.what
        #expect(from == before && to != before && chat.sessionID == to)
        #expect(try await chat.ask("Still there?").text == "You said: Still there?")
        await client.close()
    }
}

/// Something that a function holds.
private final class Held: Sendable {
    let token = "lba_at_ann"
}

private final class Weak: @unchecked Sendable {
    weak var object: AnyObject?

    init(_ object: AnyObject) {
        self.object = object
    }
}

/// Waits until its task is cancelled.
@Sendable private func endless(_ said: Told<String>) async throws -> String {
    said.add("begun")
    defer { said.add("ended") }
    while true { try await Task.sleep(for: .seconds(3600)) }
}

extension Emulator {
    fileprivate func ofApp(_ set: (inout ClientOptions) -> Void = { _ in }) throws -> AvatarClient {
        var options = ClientOptions()
        options.baseURL = labBaseURL
        set(&options)
        return try .visitorChat(clientID: clientID, clientSecret: clientSecret, apiKey: apiKey, options: options)
    }

    fileprivate func ofUsers(
        _ token: @escaping @Sendable (TokenRequest) async throws -> String
    ) throws -> AvatarClient {
        var options = ClientOptions()
        options.baseURL = labBaseURL
        return try .visitorChat(apiKey: apiKey, options: options, token: token)
    }

    fileprivate func calls(_ name: String) async throws -> Double {
        try await call("state")["calls"][name].number ?? 0
    }
}
