// A bot that keeps quiet while the avatar's owner speaks in person.
//
// It passes on what the avatar says. When the owner takes over it says so, once; when the avatar answers again, it goes
// on.
import Foundation
import SecondMeAvatar

let client = try AvatarClient()
let chat = try await client.open(.forUser("feishu", "ou_abc"))
let events = chat.events
try await chat.send("Can I talk with a human?")

for await event in events {
    switch event.kind {
    case .takenOver: say("bot: the owner is here, I keep quiet")
    case .ownerReply(let reply): say("owner: \(reply.text)")
    case .handedBack: say("bot: the avatar is back")
    case .reply(let reply): say("avatar: \(reply.text)")
    default: break
    }
}

func say(_ text: String) {
    FileHandle.standardOutput.write(Data("\(text)\n".utf8))
}
