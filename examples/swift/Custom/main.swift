// Any custom integration. Here the platform is a terminal: a line `USER TEXT` is what a person says.
import Foundation
import SecondMeAvatar

var options = ClientOptions()
options.store = "avatar.db"  // Sessions go on after a restart.
let client = try AvatarClient(options: options)
Task { [events = client.events] in
    for await event in events {
        switch event.kind {
        case .ownerReply(let reply) where !reply.asked, .reply(let reply) where !reply.asked:
            tell(event.tag ?? "", reply.text)  // No question waits for it.
        default: break
        }
    }
}
_ = try await client.recover(all: true)  // Also what was said since the last run.
let lines = AsyncStream<String> { lines in
    Thread.detachNewThread {
        while let line = readLine() { lines.yield(line) }
        lines.finish()
    }
}
await withDiscardingTaskGroup { group in
    for await line in lines { group.addTask { await answer(client, line) } }
}
await client.close()

func tell(_ user: String, _ text: String) {
    FileHandle.standardOutput.write(Data("\(user): \(text)\n".utf8))  // Your platform's way to a person.
}

func answer(_ client: AvatarClient, _ line: String) async {
    let user = String(line.prefix { $0 != " " }), text = String(line.dropFirst(user.count + 1))
    do {
        let visitor = try Visitor.forUser("custom", user, tag: user)
        let chat = try await client.open(visitor)
        let path = "/rest/general/message/latest?sessionId=\(chat.sessionID ?? "")"  // It has no method here.
        if text == "/raw" { return tell(user, try await client.request("GET", path, visitor: visitor)) }
        for try await piece in chat.stream(text) { tell(user, piece.text) }
    } catch {
        tell(user, "Sorry, there is no answer just now.")
    }
}
