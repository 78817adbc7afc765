import ChatModel
import Foundation
import SecondMeAvatar
import SecondMeAvatarTesting
import Testing

@Suite struct ExampleTests {
    @Test @MainActor func theScreenShowsWhatIsSaid() async throws {
        let stage = try await Stage()
        stage.model.draft = "Hello"
        #expect(stage.model.canSend)
        await stage.model.send()
        #expect(stage.model.draft.isEmpty)
        try await stage.until { $0.messages.count == 3 && $0.messages.last?.progress == .whole }
        #expect(stage.model.messages.map(\.author) == [.avatar, .visitor, .avatar])
        #expect(stage.model.messages[1].progress == .whole)
        #expect(stage.model.messages.last?.text == "You said: Hello")
        await stage.clear()
    }

    @Test @MainActor func theOwnerShowsAsTheOwner() async throws {
        let stage = try await Stage()
        try await stage.ownerSays("The real one")
        try await stage.until { $0.messages.last?.author == .owner }
        #expect(stage.model.messages.last?.text == "The real one")
        await stage.clear()
    }

    @Test @MainActor func inTheBackgroundItRestsAndWhatWasSaidIsThereAfterwards() async throws {
        let stage = try await Stage()
        await stage.model.pause()
        try await stage.until { $0.state == .paused }
        try await stage.ownerSays("Are you there?")
        await stage.model.resume()
        try await stage.until { $0.state == .live && $0.messages.last?.text == "Are you there?" }
        await stage.model.networkChanged()
        try await stage.until { $0.state == .live }
        #expect(stage.model.problem == nil)
        await stage.clear()
    }

    @Test @MainActor func whatCannotBeSentComesBackAsTheDraft() async throws {
        let stage = try await Stage()
        await stage.client.close()
        try await stage.until { $0.state == .closed }
        stage.model.draft = "too late"
        #expect(!stage.model.canSend)

        let other = try await Stage()
        try await other.emulator.post("faults", json: #"{"at": "message/send", "do": {"fail": "some.code"}}"#)
        other.model.draft = "Keep this"
        await other.model.send()
        #expect(other.model.messages.last?.progress == .failed)
        #expect(other.model.draft == "Keep this")
        #expect(other.model.problem?.contains("some.code") == true)
        await other.clear()
    }

    @Test @MainActor func aKeyThatIsRefusedShowsWhatToDo() async throws {
        let emulator = try await AvatarEmulator.start()
        var options = ClientOptions()
        options.baseURL = emulator.baseURL
        let client = try AvatarClient(apiKey: "sk-0123456789abcdef", options: options)
        let model = ChatModel { try await client.open(.forUser("ios", "ada")) }
        await model.run()
        #expect(model.problem?.contains("key") == true)
        #expect(model.state == nil)
        await client.close()
    }

    @Test func theCommandLineAnswers() async throws {
        let text = try await said(by: "chat", of: AvatarEmulator.start(), to: "Hello\nAnd again\n")
        #expect(text.contains("You said: Hello\n"))
        #expect(text.contains("You said: And again\n"))
    }
}

extension ExampleTests {
    @Test func aCustomIntegrationGoesOnAfterARestartAndIsKindAboutErrors() async throws {
        let emulator = try await AvatarEmulator.start()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let told = { (text: String, user: String) in
            let lines = text.split(separator: "\n").filter { $0.hasPrefix("\(user): ") }
            return lines.map { $0.dropFirst(user.count + 2) }.joined()
        }
        var text = try await said(by: "custom", of: emulator, to: "ada Who are you?\ngrace And I?\n", in: folder)
        #expect(told(text, "ada") == "You said: Who are you?")
        #expect(told(text, "grace") == "You said: And I?")

        try await emulator.post("faults", json: #"{"at": "message/send", "do": {"fail": "some.code"}}"#)
        text = try await said(by: "custom", of: emulator, to: "ada Hello\ngrace /raw\n", in: folder)
        #expect(told(text, "ada") == "Sorry, there is no answer just now.")
        // The session of before has it.
        #expect(told(text, "grace").contains("And I?") && told(text, "grace").contains("messageId"))
    }
}

/// What a program, which is beside the tests, answers to what is typed.
private func said(
    by program: String, of emulator: AvatarEmulator, to lines: String, in folder: URL? = nil
) async throws -> String {
    let (process, input, output) = (Process(), Pipe(), Pipe())
    process.executableURL =
        URL(fileURLWithPath: #filePath).appendingPathComponent("../../.build/debug/\(program)").standardized
    process.environment = ProcessInfo.processInfo.environment.merging(
        ["SECONDME_API_KEY": emulator.apiKey, "SECONDME_BASE_URL": emulator.baseURL]) { $1 }
    process.currentDirectoryURL = folder
    (process.standardInput, process.standardOutput) = (input, output)
    try process.run()
    input.fileHandleForWriting.write(Data(lines.utf8))
    try input.fileHandleForWriting.close()
    let said = try await Task.detached { try output.fileHandleForReading.readToEnd() }.value
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: said ?? Data(), as: UTF8.self)
}

/// A model that is open, and the service behind it.
@MainActor private final class Stage {
    let emulator: AvatarEmulator
    let client: AvatarClient
    let model: ChatModel
    private let running: Task<Void, Never>

    init() async throws {
        emulator = try await AvatarEmulator.start("--piece-delay", "1ms")
        var options = ClientOptions()
        options.baseURL = emulator.baseURL
        let client = try AvatarClient(apiKey: emulator.apiKey, options: options)
        self.client = client
        let model = ChatModel { try await client.open(.forUser("ios", "ada")) }
        self.model = model
        running = Task { await model.run() }
        try await until { $0.state == .live }
    }

    func ownerSays(_ text: String) async throws {
        let session = try await client.open(.forUser("ios", "ada")).sessionID ?? ""
        try await emulator.post("owner/reply", json: #"{"sessionId": "\#(session)", "text": "\#(text)"}"#)
    }

    /// Looks again until it is so, 20 seconds at most.
    func until(_ isSo: (ChatModel) -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(20)
        while !isSo(model) {
            try #require(
                ContinuousClock.now < end,
                "the screen shows \(model.messages.count) messages, \(String(describing: model.state))")
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// The conversation ends with the client, and with it the model's loop.
    func clear() async {
        await client.close()
        await running.value
    }
}
