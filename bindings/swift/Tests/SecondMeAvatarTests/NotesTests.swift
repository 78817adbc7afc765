import SecondMeAvatar
import Testing

@Suite struct NotesTests {
    private let ada: Visitor
    private let bob: Visitor

    init() throws {
        ada = try Visitor.forUser("ios", "ada", name: "Ada Lovelace", tag: "a tag")
        bob = try Visitor.forUser("ios", "bob")
    }

    @Test func notesOutliveTheClientAreListedAndExpire() async throws {
        let folder = try Folder()
        let emulator = try await Emulator.start()
        let first = try emulator.client(folder.options)
        try await first.setNote(ada, "address", "a word of hers")
        #expect(try await first.addNote(bob, "message/1", "taken", lifetime: .seconds(60)))
        #expect(try await !first.addNote(bob, "message/1", "again"))
        await first.close()
        let client = try emulator.client(folder.options)
        #expect(try await client.note(ada, "address") == "a word of hers")
        #expect(try await client.note(bob, "address") == nil)
        let notes = try await client.notes("")
        #expect(notes.map(\.key) == ["address", "message/1"])
        #expect(notes.map(\.visitor.name) == ["Ada Lovelace", nil])
        let shown = String(reflecting: notes)
        #expect(!shown.contains("hers") && !shown.contains("Lovelace"))
        client.advanceClock(by: .seconds(60))
        #expect(try await client.notes("message/").isEmpty)
        #expect(try await client.export(ada).contains("a word of hers"))
        #expect(try await client.deleteNote(ada, "address"))
        #expect(await failure { try await client.setNote(ada, "", "text") }?.kind == .misuse)
        #expect(await failure { try await client.setNote(ada, "k", "text", lifetime: .zero) }?.kind == .misuse)
        await client.close()
    }

    @Test func aMessageGoesOutUnderTheIdThatWasChosenAndACallOfOnesOwnIsExact() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(ada)
        let (asked, streamed, sent) = (try newMessageID(), try newMessageID(), try newMessageID())
        #expect(try await chat.ask("one", messageID: asked).inReplyTo == asked)
        for try await piece in chat.stream("two", messageID: streamed) { #expect(!piece.text.isEmpty) }
        #expect(try await chat.send("three", messageID: sent).messageID == sent)
        let said = try await chat.history().filter { $0.author == .visitor }.map(\.id)
        #expect(said == [asked, streamed, sent])
        #expect(await failure { _ = try await chat.send("four", messageID: sent) }?.kind == .misuse)
        #expect(await failure { _ = try await chat.send("four", messageID: "mine") }?.kind == .misuse)

        let path = "/rest/general/message/latest?sessionId=\(chat.sessionID ?? "")"
        #expect(try await client.request("GET", path, visitor: ada).contains("\"one\""))
        #expect(await failure { _ = try await client.request("GET", "/../a") }?.kind == .misuse)
        #expect(await failure { _ = try await client.request("POST", "/a", body: "no JSON") }?.kind == .misuse)
        let unknown = await failure { _ = try await client.request("GET", "/rest/none", visitor: ada) }
        #expect(unknown?.kind == .refused)
        await client.close()
    }
}
