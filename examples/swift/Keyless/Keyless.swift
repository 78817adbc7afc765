import ChatModel
import Foundation
import SecondMeAvatar

/// What the app is but for its screen: asks its server who it is, says something, and lives until its input ends. A test
/// looks for the key in its memory.
@main struct Keyless {
    @MainActor static func main() async throws {
        let arguments = CommandLine.arguments
        let backend = Backend(url: arguments[1]) { arguments[3] }
        var options = ClientOptions()
        options.baseURL = arguments[2]
        let client = try AvatarClient.withCredentials(options: options) {
            try await backend.credentials(anew: $0.refused)
        }
        let model = ChatModel { try await client.open(backend.credentials().visitor()) }
        let running = Task { await model.run() }
        model.draft = "Hello"
        while model.messages.last?.text != "You said: Hello" && model.problem == nil {
            if model.canSend { await model.send() }
            try await Task.sleep(for: .milliseconds(2))
        }
        print(model.problem ?? model.messages.last?.text ?? "")
        fflush(nil)
        _ = await Task.detached { readLine() }.value
        await client.close()
        await running.value
    }
}
