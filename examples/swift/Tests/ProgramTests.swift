import Foundation
import SecondMeAvatarTesting
import Testing

/// The short programs, as they stand.
@Suite struct ProgramTests {
    @Test func theQuickstartPrintsTheOpeningLineAndTheAnswer() async throws {
        let emulator = try await AvatarEmulator.start("--brain", "demo")
        let lines = try await printed(by: "quickstart", of: emulator).split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.first?.hasPrefix("Ada's avatar: Hello, I'm Ada's avatar") == true)
        #expect(lines.last?.hasPrefix("Ada's avatar: I'm the avatar of Ada Lovelace") == true)
    }

    @Test func errorsSaysWhatToDoAndHandsTheMessageBack() async throws {
        let emulator = try await AvatarEmulator.start()
        #expect(try await printed(by: "errors", of: emulator) == "sent\n")
        try await emulator.post("faults", json: #"{"at": "message/send", "do": {"fail": "some.code"}}"#)
        let text = try await printed(by: "errors", of: emulator)
        #expect(text.contains("some.code") && text.hasSuffix("\nnot sent: The invoice is paid\n"))
        try await emulator.post("faults", json: #"{"at": "auth", "do": {"fail": "open.api.key.not.found"}}"#)
        #expect(try await printed(by: "errors", of: emulator) == "the key was refused: another one is needed\n")
    }

    @Test func takeoverKeepsQuietWhileTheOwnerSpeaks() async throws {
        let then =
            #"[{"owner": "takes-over"}, {"owner": {"says": "It is me"}}, {"owner": {"says": "Still me"}}, "#
            + #"{"owner": "hands-back"}, {"say": "Here I am again"}]"#
        let emulator = try await AvatarEmulator.start()
        try await emulator.post(
            "settings", json: #"{"brain": {"script": {"rules": [{"when": "any", "then": \#(then)}]}}}"#)
        let (process, output) = try start("takeover", of: emulator)
        let expected =
            "bot: the owner is here, I keep quiet\nowner: It is me\nowner: Still me\nbot: the avatar is back\n"
            + "avatar: Here I am again\n"
        let text = await Task.detached {
            var text = Data()
            while text.count < expected.utf8.count {
                let more = output.fileHandleForReading.availableData  // Waits; empty where the program has ended.
                if more.isEmpty { break }
                text += more
            }
            return String(decoding: text, as: UTF8.self)
        }.value
        process.terminate()
        #expect(text == expected)
    }
}

private func start(_ program: String, of emulator: AvatarEmulator) throws -> (Process, Pipe) {
    let (process, output) = (Process(), Pipe())
    process.executableURL =
        URL(fileURLWithPath: #filePath).appendingPathComponent("../../.build/debug/\(program)").standardized
    process.environment = ProcessInfo.processInfo.environment.merging(
        ["SECONDME_API_KEY": emulator.apiKey, "SECONDME_BASE_URL": emulator.baseURL]) { $1 }
    process.standardOutput = output
    try process.run()
    return (process, output)
}

private func printed(by program: String, of emulator: AvatarEmulator) async throws -> String {
    let (process, output) = try start(program, of: emulator)
    let text = try await Task.detached { try output.fileHandleForReading.readToEnd() }.value
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: text ?? Data(), as: UTF8.self)
}
