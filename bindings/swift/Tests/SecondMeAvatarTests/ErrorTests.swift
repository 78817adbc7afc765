import Foundation
import SecondMeAvatar
import Testing

@Suite struct ErrorTests {
    @Test func aKeyThatIsRefusedSaysSo() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client(key: "sk-0123456789abcdef")
        let error = await failure { try await client.open(.forUser("ios", "ada")) }
        #expect(error?.kind == .authentication)
        #expect(error?.code == "open.api.key.not.found")
        #expect(error?.step == .authenticate)
        #expect(error?.retryable == false)
        let said = try #require(error.map { "authentication: \($0.message)" })
        #expect(error?.errorDescription == said)
        #expect((error as (any Error)?)?.localizedDescription == said)
        #expect("\(try #require(error))" == said)
        await client.close()
    }

    @Test func anOptionOfSeveralSaysWhatIsWrongWithOne() async throws {
        let pin = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        var options = ClientOptions()
        options.pins = [pin, pin]
        options.socketHosts = ["ws.second.me", "*.second.me"]
        await (try AvatarClient(apiKey: "sk-0123456789abcdef", options: options)).close()
        options.pins = [pin, "sha256/no"]
        let error = await failure { [options] in try AvatarClient(apiKey: "sk-0123456789abcdef", options: options) }
        #expect(error?.kind == .misuse)
        #expect(error?.message.contains("the option `pins` takes") == true)
    }

    @Test func aQuotaThatIsUsedUpSaysForHowLong() async throws {
        let emulator = try await Emulator.start()
        var options = ClientOptions()
        options.quota = 1
        let client = try emulator.client(options)
        let events = client.events
        _ = try await client.open(.forUser("ios", "ada"))
        let error = await failure { try await client.open(.forUser("ios", "bob"), deadline: .seconds(1)) }
        _ = try await event(in: events) { if case .waitingForQuota = $0.kind { () } else { nil } }
        #expect(error?.kind == .rateLimited)
        #expect(error?.retryable == true)
        #expect(try #require(error?.retryAfter) > .seconds(30))
        await client.close()
    }

    @Test func aMessageThatIsGivenUpComesBack() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        try await emulator.disconnect()
        try await until("it is \(chat.state)") { chat.state == .reconnecting ? () : nil }
        let sending = Task { await failure { try await chat.send("Keep this", deadline: .seconds(5)) } }
        // A message that waits does not show anywhere: the clock goes on until it is given up.
        let clock = Task { while !Task.isCancelled { client.advanceClock(by: .seconds(1)); await Task.yield() } }
        let error = try await soon { await sending.value }
        clock.cancel()
        #expect(error?.kind == .deadline)
        #expect(error?.unsent?.text == "Keep this")
        #expect(error?.unsent?.certain == true)
        #expect(error?.unsent?.messageID.isEmpty == false)
        await client.close()
    }

    @Test func aServiceThatIsDownIsTheCauseOfADeadlineThatPasses() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        try await emulator.call("faults", ["at": "auth", "do": ["status": 503], "times": 1_000_000])
        let opening = Task { await failure { try await client.open(.forUser("ios", "ada"), deadline: .seconds(10)) } }
        try await until("\(client.stats)") { client.stats.calls > 1 ? () : nil }
        client.advanceClock(by: .seconds(10))
        let error = try await soon { await opening.value }
        #expect(error?.kind == .deadline)
        #expect(error?.step == .authenticate)
        #expect(error?.retryable == true)
        #expect(error?.causes.isEmpty == false)
        #expect(error?.failureReason == error?.causes.first)
        await client.close()
    }

    @Test func aStreamThatFailsThrows() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        try await emulator.call("faults", ["at": "reply", "do": ["fail": "session.openai.error"]])
        let error = await failure { for try await _ in chat.stream("Hello") {} }
        #expect(error?.code == "session.openai.error")
        await client.close()
    }

    @Test func whatIsClosedSaysSo() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        await client.close()
        await client.close()
        for error in [
            await failure { try await chat.ask("too late") }, await failure { try await chat.pause() },
            await failure { try await client.open(.forUser("ios", "bob")) },
            await failure { for try await _ in chat.stream("too late") {} },
        ] {
            #expect(error?.kind == .closed)
        }
        try await chat.close()
        #expect(await client.events.next() == nil)
    }

    @Test func whatCannotBeIsRefusedAtOnce() async throws {
        let emulator = try await Emulator.start()
        #expect(await failure { try Visitor.parse("Ada") }?.kind == .invalidVisitorID)
        #expect(await failure { try Visitor.forUser("a b", "c") }?.kind == .invalidVisitorID)
        #expect(await failure { try AvatarClient(apiKey: "") }?.kind == .misuse)
        #expect(await failure { try AvatarClient() }?.message.contains("SECONDME_API_KEY") == true)
        let wrong: [(inout ClientOptions) -> Void] = [
            { $0.heartbeat = .seconds(60) }, { $0.maxLive = 0 }, { $0.maxLive = -1 }, { $0.eventQueue = 1 },
            { $0.idleAfter = .seconds(-1) }, { $0.askDeadline = .seconds(-1) },
            { $0.proxy = "socks5://127.0.0.1:1" }, { $0.quota = .max },
        ]
        for (number, change) in wrong.enumerated() {
            var options = ClientOptions()
            change(&options)
            let error = await failure { try emulator.client(options) }
            #expect(error?.kind == .misuse, "number \(number)")
        }
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        #expect(await failure { try await chat.send("") }?.kind == .misuse)
        #expect(await failure { try await chat.history(0) }?.kind == .misuse)
        #expect(await failure { try await chat.history(-1) }?.kind == .misuse)
        #expect(await failure { try await chat.sendDurable("without a store") }?.kind == .misuse)
        let negative = Duration.seconds(-1)
        #expect(await failure { try await chat.ask("Hi", deadline: negative) }?.kind == .misuse)
        #expect(await failure { try await chat.send("Hi", deadline: negative) }?.kind == .misuse)
        #expect(await failure { for try await _ in chat.stream("Hi", deadline: negative) {} }?.kind == .misuse)
        #expect(await failure { try await client.open(.forUser("ios", "bob"), deadline: negative) }?.kind == .misuse)
        #expect(await failure { try await client.close(deadline: negative) }?.kind == .misuse)
        await client.close()
    }

    @Test func nothingThatIsPrintedTellsASecret() async throws {
        let emulator = try await Emulator.start()
        var options = ClientOptions()
        options.proxy = "http://ada:password@127.0.0.1:1"
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        let events = chat.events(raw: true)
        let reply = try await chat.ask("my secret")
        try await emulator.call("faults", ["at": "message/send", "do": "refuse", "times": 1000])
        let error = await failure { try await chat.ask("my secret", deadline: .milliseconds(1)) }
        let history = try await chat.history()
        await client.close()
        var things: [Any] = [client, chat, reply, options, history]
        for await event in events { things.append(event) }
        things.append(try #require(error))
        things.append(try #require(error?.unsent))
        for thing in things {
            var dumped = ""
            dump(thing, to: &dumped)
            for text in ["\(thing)", String(reflecting: thing), dumped] {
                for secret in ["my secret", "password", emulator.apiKey] {
                    #expect(!text.contains(secret), "\(type(of: thing))")
                }
            }
        }
    }
}

/// How something fails; nil if it does not, or in another way.
func failure<Result>(_ call: () async throws -> Result) async -> AvatarError? {
    do {
        _ = try await call()
        return nil
    } catch {
        return error as? AvatarError
    }
}
