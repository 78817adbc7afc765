import Foundation
import SecondMeAvatar
import Testing

@Suite struct DelegateTests {
    @Test func aScreenIsToldOnTheMainActor() async throws {
        let emulator = try await Emulator.start("--piece-delay", "1ms")
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        let screen = Screen()
        chat.delegate = screen
        _ = try await chat.ask("Tell me a story")
        try await chat.close()
        try await until("it is still open") { await screen.isClosed ? () : nil }
        await MainActor.run {
            #expect(screen.text == "You said: Tell me a story")
            #expect(screen.replies.map(\.text) == ["You said: Tell me a story"])
            #expect(screen.states == [.closed])
            #expect(screen.heard.last?.description.hasPrefix("closed") == true)
        }
        await client.close()
    }

    @Test func anActorIsToldOnItself() async throws {
        let emulator = try await Emulator.start("--piece-delay", "1ms")
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        let bot = Bot()
        chat.delegate = bot
        for number in 1...6 { try await chat.send("Message \(number)") }
        try await until("not all were told") { await bot.replies.count == 6 ? () : nil }
        #expect(await bot.replies == (1...6).map { "You said: Message \($0)" })
        #expect(await bot.mostAtOnce == 1)
        await client.close()
    }

    @Test func whoIsReplacedOrGoneIsToldNothingMore() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        let (first, second) = (Bot(), Bot())
        chat.delegate = first
        chat.delegate = second
        #expect(chat.delegate === second)
        _ = try await chat.ask("Hello")
        try await until("the second was told nothing") { await second.replies.isEmpty ? nil : () }
        #expect(await first.replies.isEmpty)
        chat.delegate = nil
        #expect(chat.delegate == nil)

        do {
            let third = Bot()
            chat.delegate = third
        }
        #expect(chat.delegate == nil)
        _ = try await chat.ask("Anybody?")
        #expect(await second.replies.count == 1)
        await client.close()
    }

    @Test func aDelegateKeepsNeitherConversationNorClient() async throws {
        let emulator = try await Emulator.start()
        let bot = Bot()
        do {
            let chat = try await emulator.client().open(.forUser("ios", "ada"))
            chat.delegate = bot
        }
        try await emulator.until("no socket") { $0["sockets"].list?.isEmpty == true }
    }
}

/// What an app would write.
@MainActor private final class Screen: ConversationDelegate {
    var text = ""
    var replies: [Reply] = []
    var states: [Conversation.State] = []
    var heard: [Event] = []
    var isClosed = false

    func conversation(_ conversation: Conversation, didHear event: Event) {
        MainActor.assertIsolated()
        heard.append(event)
    }
    func conversation(_ conversation: Conversation, didReceivePiece piece: String) { text += piece }
    func conversation(_ conversation: Conversation, didReceive reply: Reply) { replies.append(reply) }
    func conversation(_ conversation: Conversation, didChangeTo state: Conversation.State) { states.append(state) }
    func conversation(_ conversation: Conversation, didClose reason: CloseReason) { isClosed = true }
}

private actor Bot: ConversationDelegate {
    var replies: [String] = []
    var mostAtOnce = 0
    private var now = 0

    func conversation(_ conversation: Conversation, didReceive reply: Reply) async {
        now += 1
        mostAtOnce = max(mostAtOnce, now)
        await Task.yield()
        replies.append(reply.text)
        now -= 1
    }
}
