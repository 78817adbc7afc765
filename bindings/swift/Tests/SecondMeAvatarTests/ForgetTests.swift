import Foundation
import SecondMeAvatar
import Testing

@Suite struct ForgetTests {
    private let bob: Visitor
    private let eve: Visitor

    init() throws {
        bob = try Visitor.forUser("ios", "bob", name: "a name that stays")
        eve = try Visitor.forUser("ios", "eve", name: "a name to forget", tag: "a tag to forget")
    }

    @Test func whatIsForgottenIsInNoFileOfTheStoreAndWhatIsNotStays() async throws {
        let folder = try Folder()
        let emulator = try await Emulator.start()
        let client = try emulator.client(folder.options)
        let kept = try await client.open(bob)
        let chat = try await client.open(eve)
        try await emulator.call("faults", ["at": "message/send", "do": ["status": 503], "times": 1000])
        _ = try await chat.sendDurable("words to forget")
        let told = ["a name to forget", "a tag to forget", "words to forget", eve.id]
        for words in told { #expect(try folder.holds(words), "\(words)") }

        let shown = try await client.export(eve)
        for words in told { #expect(shown.contains(words), "\(words) in \(shown)") }
        try await client.forget(eve)
        #expect(chat.state == .closed)
        for words in told { #expect(try !folder.holds(words), "\(words)") }
        #expect(try folder.holds("a name that stays"))
        #expect(try await client.known().map(\.id) == [bob.id])
        #expect(try await !client.export(eve).contains("a name to forget"))
        try await client.forget(eve)
        try await emulator.call("faults/clear", [:])
        #expect(try await kept.ask("Hello").text == "You said: Hello")
        await client.close()
    }

    @Test func aVisitorWhomAnotherClientHasOpenIsNotForgotten() async throws {
        let folder = try Folder()
        let emulator = try await Emulator.start()
        let (first, second) = (try emulator.client(folder.options), try emulator.client(folder.options))
        _ = try await first.open(eve)
        let error = await failure { try await second.forget(eve) }
        #expect(error?.kind == .store)
        #expect(try folder.holds("a name to forget"))
        await first.close()
        try await second.forget(eve)
        #expect(try !folder.holds("a name to forget"))
        await second.close()
    }

    @Test func whoWasIdleIsForgottenAndWhoIsHereIsNot() async throws {
        let folder = try Folder()
        let emulator = try await Emulator.start()
        let first = try emulator.client(folder.options)
        _ = try await first.open(eve)
        await first.close()
        let client = try emulator.client(folder.options)
        _ = try await client.open(bob)
        #expect(try await client.forgetIdle(longerThan: .seconds(3600)) == 0)
        #expect(try await client.forgetIdle(longerThan: .zero) == 1)
        #expect(try await client.known().map(\.id) == [bob.id])
        #expect(try !folder.holds("a name to forget"))
        #expect(await failure { try await client.forgetIdle(longerThan: .seconds(-1)) }?.kind == .misuse)
        await client.close()
        var options = folder.options
        options.retention = .seconds(60)
        #expect(await failure { [options] in try emulator.client(options) }?.kind == .misuse)
        var bare = ClientOptions()
        bare.retention = .seconds(30 * 24 * 3600)
        #expect(await failure { [bare] in try emulator.client(bare) }?.kind == .misuse)
        options.retention = .seconds(30 * 24 * 3600)
        let keeping = try emulator.client(options)
        #expect(try await keeping.known().map(\.id) == [bob.id])
        await keeping.close()
    }

    @Test func withoutAStoreWhatIsInMemoryIsForgotten() async throws {
        let emulator = try await Emulator.start()
        let client = try emulator.client()
        let chat = try await client.open(eve)
        let session = chat.sessionID
        try await client.forget(eve)
        #expect(chat.state == .closed)
        #expect(try await client.open(eve).sessionID != session)
        #expect(await failure { try await client.export(eve) }?.kind == .unsupported)
        #expect(await failure { try await client.forgetIdle(longerThan: .zero) }?.kind == .unsupported)
        await client.close()
    }
}

/// A folder of a test's own, with a store in it.
final class Folder {
    private let url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: url) }

    var options: ClientOptions {
        var options = ClientOptions()
        options.store = url.appendingPathComponent("avatar.db").path
        return options
    }

    /// Whether these words are in any file of the store.
    func holds(_ words: String) throws -> Bool {
        try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil).contains {
            try Data(contentsOf: $0).range(of: Data(words.utf8)) != nil
        }
    }
}
