// One question, one answer.
import SecondMeAvatar

let client = try AvatarClient()  // SECONDME_API_KEY, SECONDME_BASE_URL
// The same user of the same platform is always the same visitor.
let chat = try await client.open(.forUser("web", "user-1", name: "Grace"))
print("\(chat.avatarName): \(chat.opening)")

let reply = try await chat.ask("Hello, tell me about yourself")
print("\(chat.avatarName): \(reply.text)")

await client.close()
