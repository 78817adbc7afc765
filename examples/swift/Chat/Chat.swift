// Talks with your avatar in a terminal: SECONDME_API_KEY=sk-… swift run chat
import Foundation
import SecondMeAvatar

@main struct Chat {
    static func main() async throws {
        do {
            let client = try AvatarClient()
            let chat = try await client.open(.forUser("terminal", NSUserName(), name: NSFullUserName()))
            say("\(chat.avatarName): \(chat.opening)\n")
            try await talk(in: chat)
            await client.close()
        } catch let error as AvatarError {
            say("\(error.message)\n", to: .standardError)
            exit(1)
        }
    }

    /// Prints each reply while it is said, of the avatar and of the owner, and asks what is typed.
    private static func talk(in chat: Conversation) async throws {
        let events = chat.events
        let printing = Task {
            for await event in events {
                switch event.kind {
                case .replyDelta(let text, _, _, _, _): say(text)
                case .reply: say("\n")
                case .ownerReply(let reply): say("In person: \(reply.text)\n")
                case .disconnected: say("(the connection is lost; coming back)\n")
                case .reconnected: say("(back again)\n")
                default: break
                }
            }
        }
        // After a takeover an answer may take long: the user can go on typing meanwhile.
        await withDiscardingTaskGroup { group in
            for await line in lines() where !line.isEmpty {
                group.addTask {
                    do {
                        _ = try await chat.ask(line)
                    } catch {
                        say("\(error.localizedDescription)\n")
                    }
                }
            }
        }
        try await chat.close()
        await printing.value
    }
}

private func say(_ text: String, to file: FileHandle = .standardOutput) {
    file.write(Data(text.utf8))
}

/// What is typed, line by line, read on a thread that may wait.
private func lines() -> AsyncStream<String> {
    AsyncStream { continuation in
        Thread.detachNewThread {
            while let line = readLine() { continuation.yield(line) }
            continuation.finish()
        }
    }
}
