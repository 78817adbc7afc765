// What to do when a call fails: a wrong key, a full quota, a message that comes back.
import SecondMeAvatar

let client = try AvatarClient()
do {
    let chat = try await client.open(.forUser("web", "user-1"))
    try await chat.send("The invoice is paid")
    print("sent")
} catch let error as AvatarError {
    switch error.kind {
    case .authentication: print("the key was refused: another one is needed")
    case .rateLimited: print("too many new visitors: again in \(error.retryAfter ?? .zero)")
    default: print(error.message)  // It says what happened, and what to do.
    }
    if let unsent = error.unsent {
        print(unsent.certain ? "not sent: \(unsent.text)" : "perhaps sent: \(unsent.text)")
    }
    if error.retryable { print("it may work later") }
}
await client.close()
