package errors

import me.secondme.avatar.AvatarClient
import me.secondme.avatar.AvatarException
import me.secondme.avatar.Visitor

// What to do when a call fails: a wrong key, a full quota, a message that comes back.
suspend fun main() = AvatarClient().use { client -> tell(client, "The invoice is paid", ::println) }

suspend fun tell(client: AvatarClient, text: String, say: (String) -> Unit) {
    try {
        val chat = client.open(Visitor.forUser("web", "user-1"))
        chat.send(text)
        say("sent")
    } catch (error: AvatarException) {
        when (error) {
            is AvatarException.Authentication -> say("the key was refused: another one is needed")
            is AvatarException.RateLimited -> say("too many new visitors: again in ${error.retryAfter}")
            else -> say("${error.message}") // It says what happened, and what to do.
        }
        error.unsent?.let { say((if (it.certain) "not sent: " else "perhaps sent: ") + it.text) }
        if (error.retryable) say("it may work later")
    }
}
