import Foundation
import SecondMeAvatar
import Testing

@Suite struct CancellationTests {
    @Test func noEventIsLostByTasksThatAreCancelled() async throws {
        let stage = try await Flood.prepare(1500)
        let heard = Told<String>()
        // Listeners come and are cancelled, over and over, while the events come in; the next one goes on.
        let send = Task { try await stage.send() }
        var cancelled = 0
        while heard.all.count < stage.count {
            let before = heard.all.count
            let listener = Task {
                for await event in stage.events {
                    if case .unknown = event.kind { heard.add(event.raw ?? "") }
                }
            }
            // Cancelled at every stage: before it runs, while it waits, in the midst of events.
            for _ in 0..<(cancelled % 7) { await Task.yield() }
            if cancelled % 3 == 0 {
                try await until("\(heard.all.count) were heard") { heard.all.count > before ? () : nil }
            }
            listener.cancel()
            _ = await listener.value
            cancelled += 1
        }
        try await send.value
        #expect(heard.all == stage.expected)
        #expect(cancelled > 20)
        await stage.client.close()
    }

    @Test func whoListensBesideOneThatIsCancelledGoesOn() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        let events = chat.events
        let stays = Task { try await event(in: events) { if case .ownerReply = $0.kind { () } else { nil } } }
        for _ in 0..<200 {
            let goes = Task { await events.next() }
            await Task.yield()
            goes.cancel()
            let value = try await soon("a wait that was cancelled") { await goes.value }
            if let value, case .ownerReply = value.kind { throw Failure("no reply was written yet") }
        }
        try await emulator.call("owner/reply", ["sessionId": .optional(chat.sessionID), "text": "Hi"])
        _ = try await stays.value
        await client.close()
    }

    @Test func aSubscriptionThatIsFinishedStillGivesWhatHasCome() async throws {
        let stage = try await Flood.prepare(5)
        let other = stage.client.events(raw: true)
        try await stage.send()
        try await stage.comes(stage.expected.last, in: other)
        stage.events.finish()
        try await stage.send("late")
        try await stage.comes(stage.frame("late"), in: other)
        var heard: [String?] = []
        for await event in stage.events { heard.append(event.raw) }
        #expect(heard == stage.expected)
        await stage.client.close()
    }

    @Test func oneEventIsWaitedForAndACancelledWaitLosesNone() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        let events = chat.events
        let waiting = Task { try await events.waitFor { $0.reply } }
        await Task.yield()
        waiting.cancel()
        await #expect(throws: CancellationError.self) { _ = try await soon { try await waiting.value } }
        try await emulator.call("owner/reply", ["sessionId": .optional(chat.sessionID), "text": "Hi"])
        let reply = try await soon { try await events.waitFor { $0.reply } }
        #expect(reply.text == "Hi")
        #expect(reply.author == .owner)
        #expect(chat.takenOver)
        let never = Task { try await chat.waitFor { $0.reply } }
        await Task.yield()
        try await chat.close()
        let error = await failure { _ = try await soon { try await never.value } }
        #expect(error?.kind == .closed)
        await client.close()
    }

    @Test func aTimeLimitLosesNoEvent() async throws {
        let stage = try await Flood.prepare(400)
        let send = Task { try await stage.send() }
        var (heard, passed) = ([String](), 0)
        // Limits that pass at every stage: before the wait, within it, and while an event comes.
        while heard.count < stage.count {
            do {
                let event = try await stage.events.next(timeout: .microseconds(heard.count % 5 * 100))
                if let event, case .unknown = event.kind { heard.append(event.raw ?? "") }
            } catch let error as AvatarError where error.kind == .deadline {
                passed += 1
            }
        }
        try await send.value
        #expect(heard == stage.expected)
        #expect(passed > 20)
        await stage.client.close()
    }

    @Test func aTimeLimitThatPassesSaysSo() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        let events = chat.events
        let late = await failure { _ = try await events.waitFor(timeout: .milliseconds(5)) { $0.reply } }
        #expect(late?.kind == .deadline)
        #expect(late?.message == "no event came within 0.005 seconds")
        let negative = await failure { _ = try await chat.waitFor(timeout: .seconds(-1)) { $0.reply } }
        #expect(negative?.kind == .misuse)
        let longest = Task { try await events.next(timeout: .seconds(Int64.max)) }
        try await emulator.call("owner/reply", ["sessionId": .optional(chat.sessionID), "text": "Hi"])
        _ = try await soon { try await longest.value }
        let reply = try await soon { try await events.waitFor(timeout: patience) { $0.reply } }
        #expect(reply.text == "Hi")
        try await chat.close()
        let ended = await failure { while try await events.next(timeout: patience) != nil {} }
        #expect(ended == nil)
        await client.close()
    }

    @Test func aSubscriptionThatIsCancelledHasEnded() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let events = client.events
        let listener = Task { for await _ in events {} }
        await Task.yield()
        events.cancel()
        try await soon("the loop") { await listener.value }
        #expect(await events.next() == nil)
        await client.close()
    }

    @Test func anOpeningThatIsCancelledIsGivenUp() async throws {
        // Longer than a busy machine takes to cancel it.
        let emulator = try await Emulator.start("--latency", "5s")
        let client = try emulator.client()
        let opening = Task { try await client.open(.forUser("ios", "ada")) }
        try await emulator.until("the call is there") { $0["calls"]["auth"] == 1 }
        opening.cancel()
        await #expect(throws: CancellationError.self) {
            _ = try await soon("an opening that was cancelled") { try await opening.value }
        }
        try await until("\(client.stats.visitors)") { client.stats.visitors == 0 ? () : nil }
        await client.close()
    }

    @Test func aQuestionThatIsCancelledInTheMomentOfAskingDoesNotGoOut() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        try await emulator.call("owner/takeover", ["sessionId": .optional(chat.sessionID)])
        let first = Task { try await chat.ask("the first") }
        try await emulator.until("it was sent") { $0["calls"]["message/send"] == 1 }
        let second = Task { try await chat.ask("never to be sent") }
        let third = Task { try await chat.stream("nor this").reduce("") { $0 + $1.text } }
        await Task.yield()
        second.cancel()
        third.cancel()
        try await emulator.call("owner/reply", ["sessionId": .optional(chat.sessionID), "text": "An answer"])
        let answer = try await soon { try await first.value }
        #expect(answer.text == "An answer")
        await #expect(throws: CancellationError.self) { _ = try await soon { try await second.value } }
        await #expect(throws: CancellationError.self) { _ = try await soon { try await third.value } }
        try await emulator.call("owner/handback", ["sessionId": .optional(chat.sessionID)])
        let reply = try await soon { try await chat.ask("the last") }
        #expect(reply.text == "You said: the last")
        try await emulator.until("two were sent") { $0["calls"]["message/send"] == 2 }
        await client.close()
    }

    @Test func aQuestionThatIsCancelledDoesNotHoldUpTheNext() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        try await emulator.call("faults", ["at": "reply", "do": "drop"])
        let asked = Task { try await chat.ask("never mind") }
        try await emulator.until("it was sent") { $0["calls"]["message/send"] == 1 }
        asked.cancel()
        await #expect(throws: CancellationError.self) {
            _ = try await soon("a question that was cancelled") { try await asked.value }
        }
        // It may still be answered, and the next one does not wait for that longer than 10 s.
        let next = Task { try await chat.ask("but this") }
        try await until("it was never answered") {
            client.advanceClock(by: .seconds(1))
            return try await emulator.call("state")["calls"]["message/send"] == 2 ? () : nil
        }
        let reply = try await soon { try await next.value }
        #expect(reply.text == "You said: but this")
        await client.close()
    }

    @Test func aStreamThatIsCancelledOrLetGoOfIsGivenUp() async throws {
        let emulator = try await Emulator.start("--reply-delay", "300ms")
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        let pieces = Task { try await chat.stream("never mind").reduce("") { $0 + $1.text } }
        try await emulator.until("it was sent") { $0["calls"]["message/send"] == 1 }
        pieces.cancel()
        await #expect(throws: CancellationError.self) {
            _ = try await soon("a stream that was cancelled") { try await pieces.value }
        }
        _ = chat.stream("nor this")
        // Neither holds the next one back, which gets its own answer.
        let reply = try await soon { try await chat.ask("but this") }
        #expect(reply.text == "You said: but this")
        await client.close()
    }

    @Test func aTaskThatIsCancelledAlreadyAsksNothingAndClosesAllTheSame() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            await #expect(throws: CancellationError.self) { try await chat.ask("not at all") }
            await #expect(throws: CancellationError.self) { try await chat.send("not at all") }
            await client.close()
        }
        try await soon { await task.value }
        #expect(chat.state == .closed)
        try await emulator.until("nothing was sent") { $0["calls"]["message/send"] == .null }
    }
}

/// Frames that come as fast as the emulator sends them, each an event.
struct Flood: Sendable {
    let emulator: Emulator
    let client: AvatarClient
    let events: Events
    let session: String
    let count: Int
    let expected: [String]

    static func prepare(_ count: Int) async throws -> Flood {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(.forUser("ios", "ada"))
        guard let session = chat.sessionID else { throw Failure("there is no session") }
        let expected = (0..<count).map { number in
            #"{"number":\#(number),"seqId":"\#(number)_____1","sessionId":"\#(session)","type":"numbered"}"#
        }
        return Flood(
            emulator: emulator, client: client, events: chat.events(raw: true), session: session, count: count,
            expected: expected)
    }

    func send() async throws {
        for frame in expected {
            try await emulator.call("push", ["sessionId": .string(session), "text": .string(frame)])
        }
    }

    func send(_ number: String) async throws {
        try await emulator.call("push", ["sessionId": .string(session), "text": .string(frame(number))])
    }

    func comes(_ frame: String?, in events: Events) async throws {
        try await soon { try await events.waitFor { $0.raw == frame ? () : nil } }
    }

    func frame(_ number: String) -> String {
        #"{"number":"\#(number)","seqId":"\#(number)_____1","sessionId":"\#(session)","type":"numbered"}"#
    }
}
