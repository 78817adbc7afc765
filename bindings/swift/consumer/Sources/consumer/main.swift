import SecondMeAvatar

// SECONDME_API_KEY and SECONDME_BASE_URL say which avatar.
let client = try AvatarClient()
let chat = try await client.open(.forUser("consumer", "ada"))
for try await piece in chat.stream("Hello") { print(piece.text, terminator: "") }
print()
await client.close()
