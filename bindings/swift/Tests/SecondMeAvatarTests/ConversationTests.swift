import Foundation
import SecondMeAvatar
import Testing

@Suite struct ConversationTests {
    @Test func aQuestionIsAnswered() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let ada = try Visitor.forUser("ios", "ada", name: "Ada")
        let chat = try await client.open(ada)
        #expect(chat.state == .live)
        #expect(!chat.opening.isEmpty)
        #expect(chat.visitorID == ada.id)
        #expect(chat.sessionID != nil)

        let reply = try await chat.ask("Hello")
        #expect(reply.text == "You said: Hello")
        #expect(reply.author == .avatar)
        #expect(reply.ended == .mark)
        #expect(try await chat.send("And this").messageID.isEmpty == false)
        await client.close()
        #expect(chat.state == .closed)
    }

    @Test func aReplyComesPieceByPiece() async throws {
        let emulator = try await Emulator.start("--piece-delay", "1ms")
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        let stream = chat.stream("Tell me a story")
        #expect(stream.reply == nil)
        var pieces: [String] = []
        for try await piece in stream {
            #expect(piece.author == .avatar)
            pieces.append(piece.text)
        }
        #expect(pieces.joined() == "You said: Tell me a story")
        #expect(stream.reply?.text == pieces.joined())
        await client.close()
    }

    @Test func aStreamThatIsStoppedGivesWhatHasComeAndHoldsNothingBack() async throws {
        let emulator = try await Emulator.start("--piece-delay", "1ms")
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        let stream = chat.stream("Tell me a very long story")
        let first = try #require(try await stream.next()?.text)
        stream.stop()
        stream.stop()
        let rest = try await soon { try await stream.reduce("") { $0 + $1.text } }
        #expect("You said: Tell me a very long story".hasPrefix(first + rest))
        let next = try await soon { try await chat.ask("A short one") }
        #expect(next.text == "You said: A short one")
        await client.close()
    }

    @Test func halfASurrogatePairIsReplacedBeforeItIsAString() async throws {
        // Swift's strings cannot hold one, so none can cross the border.
        let cut = String(decoding: [0x63, 0xD83D] as [UInt16], as: UTF16.self)
        #expect(cut == "c\u{FFFD}")
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", cut, name: cut))
        #expect(try await chat.ask(cut).text == "You said: c\u{FFFD}")
        await client.close()
    }

    @Test func theVersionIsThatOfTheCore() throws {
        let cargo = try String(contentsOfFile: "../../Cargo.toml", encoding: .utf8)
        #expect(cargo.contains("\nversion = \"\(AvatarClient.version)\"\n"))
    }

    @Test func whatIsClosedSaysSo() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        let events = client.events
        await client.close()
        await client.close()
        // The thread that they were worked on is gone, and they say so all the same.
        for call: @Sendable () async throws -> Void in [
            { _ = try await chat.ask("too late") }, { try await chat.send("too late") },
            { _ = try await chat.stream("too late").reduce("") { $0 + $1.text } }, { _ = try await chat.history(1) },
            { try await chat.resume() }, { _ = try await chat.newSession() },
            { _ = try await client.open(.forUser("ios", "bob")) },
        ] {
            let error = await failure { try await soon { try await call() } }
            #expect(error?.kind == .closed)
        }
        #expect(client.stats.visitors == 0)
        client.advanceClock(by: .seconds(1))
        #expect(try await soon { try await events.waitFor { if case .closed = $0.kind { true } else { nil } } })
        let next = try emulator.client()
        #expect(try await next.open(.forUser("ios", "ada")).ask("again").text == "You said: again")
        await next.close()
    }

    @Test func whoIsOpenAlreadyIsTheSameConversation() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        async let one = client.open(.forUser("ios", "ada"))
        async let other = client.open(.forUser("ios", "ada"))
        let (first, second) = try await (one, other)
        #expect(first.sessionID == second.sessionID)
        let beside = try await first.newSession()
        #expect(beside.sessionID != first.sessionID)
        #expect((first.key, beside.key) == (0, 1))
        #expect(client.stats.visitors == 1)
        #expect(client.stats.authentications == 1)
        await client.close()
    }

    @Test func theEventsOfAllConversationsComeInOneLoop() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let events = client.events
        for name in ["ada", "bob"] {
            _ = try await client.open(.forUser("ios", name)).ask("I am \(name)")
        }
        await client.close()
        var replies: [String: String] = [:]
        var closed = 0
        for await event in events {
            if case .reply(let reply) = event.kind { replies[event.visitorID] = reply.text }
            if case .closed(.requested) = event.kind { closed += 1 }
        }
        let (ada, bob) = (try Visitor.forUser("ios", "ada"), try Visitor.forUser("ios", "bob"))
        #expect(replies == [ada.id: "You said: I am ada", bob.id: "You said: I am bob"])
        #expect(closed == 2)
    }

    @Test func theOwnerAnswersInPersonAndTheFrameIsThereForWhoAsks() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        let (events, plain) = (chat.events(raw: true), chat.events)
        try await emulator.call("owner/reply", ["sessionId": .optional(chat.sessionID), "text": "The real one"])
        let owner = try await event(in: events) { if case .ownerReply(let reply) = $0.kind { reply } else { nil } }
        #expect(owner.what.author == .owner)
        #expect(owner.what.text == "The real one")
        #expect(owner.event.raw?.contains("The real one") == true)
        #expect(owner.event.conversation == 0)
        let same = try await event(in: plain) { if case .ownerReply(let reply) = $0.kind { reply } else { nil } }
        #expect(same.event.raw == nil)
        await client.close()
    }

    @Test func thePastCanBeAskedFor() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        _ = try await chat.ask("first")
        _ = try await chat.ask("second")
        let last = try await chat.history(2)
        #expect(last.map(\.text) == ["second", "You said: second"])
        #expect(last.map(\.author) == [.visitor, .avatar])
        let before = try await chat.history(2, before: last.first?.seqID)
        #expect(before.map(\.text) == ["first", "You said: first"])
        #expect(before.allSatisfy { $0.timestamp != nil })
        await client.close()
    }

    @Test func anAppGoesToTheBackgroundAndComesBack() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        let events = chat.events
        try await chat.pause()
        #expect(chat.state == .paused)
        try await emulator.until("no socket") { $0["sockets"].list?.isEmpty == true }
        try await emulator.call("owner/reply", ["sessionId": .optional(chat.sessionID), "text": "Are you there?"])
        try await chat.resume()
        let missed = try await event(in: events) {
            if case .ownerReply(let reply) = $0.kind { reply.text } else { nil }
        }
        #expect(missed.what == "Are you there?")
        try await until("it is \(chat.state)") { chat.state == .live ? () : nil }
        // Two round trips: an address and a socket. The visitor was not authenticated again.
        #expect(client.stats.authentications == 1)
        await client.close()
    }

    @Test func anotherNetworkIsConnectedOverAtOnce() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        let events = chat.events
        try await chat.networkChanged()
        _ = try await event(in: events) { if case .reconnected = $0.kind { () } else { nil } }
        #expect(chat.state == .live)
        #expect(client.stats.lost == 1)
        await client.close()
    }

    @Test func whoClosedGoesOnInTheSameSessionAndWhoEndedInAnother() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        let session = chat.sessionID
        try await chat.close()
        let again = try await client.open(.forUser("ios", "ada"))
        #expect(again.sessionID == session)
        try await again.end()
        #expect(try await client.open(.forUser("ios", "ada")).sessionID != session)
        await client.close()
    }

    @Test func aDurableMessageIsSentByTheNextProcess() async throws {
        let emulator = try await Emulator.start()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("avatar-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var options = ClientOptions()
        options.store = folder.appendingPathComponent("avatar.db").path
        let visitor = try Visitor.forUser("ios", "ada")
        do {
            let client = try emulator.client(options)
            let chat = try await client.open(visitor)
            try await emulator.disconnect()
            try await until("it is \(chat.state)") { chat.state == .reconnecting ? () : nil }
            try await chat.sendDurable("The invoice is paid")
            try await client.close(deadline: .zero)
        }
        try await emulator.call("faults/clear", [:])
        let next = try emulator.client(options)
        let events = next.events
        #expect(try await next.recover() == [visitor.id])
        let text = try await event(in: events) {
            if case .delivered(let text, _) = $0.kind { text } else { nil }
        }
        #expect(text.what == "The invoice is paid")
        await next.close()
    }

    @Test func aTagIsKeptAndAllWhomTheStoreKnowsAreHeardAfterARestart() async throws {
        let emulator = try await Emulator.start()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var options = ClientOptions()
        options.store = folder.appendingPathComponent("avatar.db").path
        let copy = folder.appendingPathComponent("copy.db").path
        let tagged = try Visitor.forUser("ios", "ada", name: "Ada", tag: "room 7")
        let first = try emulator.client(options)
        let chat = try await first.open(tagged)
        #expect(chat.tag == "room 7")
        let session = chat.sessionID
        try await until("\(first.stats)") { first.stats.storedVisitors == 1 ? () : nil }
        try await first.backup(to: copy)
        await first.close()

        let second = try emulator.client(options)
        #expect(try await second.known() == [tagged])
        let events = second.events
        #expect(try await second.recover() == [])
        #expect(try await second.recover(all: true) == [tagged.id])
        _ = try await event(in: events) { if case .opened = $0.kind { () } else { nil } }
        try await emulator.call("owner/reply", ["sessionId": .optional(session), "text": "Are you there?"])
        let heard = try await event(in: events) { $0.reply }
        #expect(heard.event.tag == "room 7")
        #expect(heard.what.text == "Are you there?")
        await second.close()

        options.store = copy
        let third = try emulator.client(options)
        #expect(try await third.known() == [tagged])
        await third.close()
    }

    @Test func anHourOfSilenceTakesAMoment() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        for pings in 1...4 {
            client.advanceClock(by: .seconds(15))
            try await emulator.until("\(pings) pings") {
                ($0["sockets"].list?.first?["pings"].number ?? 0) >= Double(pings)
            }
            try await emulator.call("clock", ["advance_ms": 15000])
        }
        #expect(chat.state == .live)
        await client.close()
    }

    @Test func whoMeasuresIsToldOfEveryCall() async throws {
        let emulator = try await Emulator.start()
        let told = Told<CallReport>()
        var options = ClientOptions()
        options.onCall = { told.add($0) }
        let client = try emulator.client(options)
        let chat = try await client.open(.forUser("ios", "ada"))
        try await until("\(told.all)") { told.all.contains { $0.step == .connect } ? () : nil }
        #expect(told.all.allSatisfy { $0.visitorID == chat.visitorID && $0.error == nil })
        #expect(Set(told.all.map(\.step)).isSuperset(of: [.authenticate, .initChat, .createSession]))
        await client.close()
    }

    @Test func theLogIsHandedOn() async throws {
        let told = Told<AvatarLog.Record>()
        #expect(AvatarLog.forward(filter: "secondme_avatar=trace") { told.add($0) })
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        _ = try await client.open(.forUser("ios", "ada")).ask("my secret")
        await client.close()
        try await until("\(told.all)") { told.all.isEmpty ? nil : () }
        #expect(told.all.allSatisfy { $0.target.hasPrefix("secondme_avatar") })
        #expect(!told.all.contains { $0.message.contains("my secret") || $0.message.contains(emulator.apiKey) })
    }

    @Test func aClientThatIsNotHeldAnyMoreEndsAllItsWork() async throws {
        let emulator = try await Emulator.start()
        do {
            let chat = try await emulator.client().open(.forUser("ios", "ada"))
            #expect(try await chat.ask("the conversation keeps it").author == .avatar)
        }
        try await emulator.until("no socket") { $0["sockets"].list?.isEmpty == true }
    }

    @Test func thousandsComeAndGoAndLeaveNothing() async throws {
        let emulator = try await Emulator.start()
        try await emulator.call("settings", ["quota-per-minute": 1_000_000, "journal": 0])
        var options = ClientOptions()
        options.quota = 1_000_000
        let client = try emulator.client(options)
        let round = { (number: Int) in
            let chat = try await client.open(.forUser("ios", "ada \(number % 10)"))
            let (events, delegate) = (chat.events, Listener())
            chat.delegate = delegate
            try await chat.close()
            for await _ in events {}
        }
        for number in 0..<200 { try await round(number) }
        let before = try residentBytes()
        for number in 0..<2000 { try await round(number) }
        let grown = try residentBytes() - before
        #expect(grown < 8 << 20, "2,000 openings have left \(grown) bytes")
        try await until("\(client.stats)") { client.stats.visitors == 0 ? () : nil }
        await client.close()
    }
}

/// The first event of a kind, and what it says.
func event<What: Sendable>(
    in events: Events, _ pick: @escaping @Sendable (Event) -> What?
) async throws -> (event: Event, what: What) {
    try await soon("the event that was waited for") {
        for await event in events {
            if let what = pick(event) { return (event, what) }
        }
        throw Failure("the subscription ended first")
    }
}

/// What was handed over, from any thread.
final class Told<Element: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var elements: [Element] = []

    var all: [Element] { lock.withLock { elements } }

    func add(_ element: Element) { lock.withLock { elements.append(element) } }
}

/// A delegate that hears nothing.
private final class Listener: ConversationDelegate {}

/// What this process holds in memory; where that is not told, the most it ever held.
private func residentBytes() throws -> Int {
    #if os(Linux)
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
        return (Int(pages) ?? 0) * 4096
    #else
        var usage = rusage()
        guard getrusage(RUSAGE_SELF, &usage) == 0 else { throw Failure("getrusage has failed") }
        return Int(usage.ru_maxrss)
    #endif
}
