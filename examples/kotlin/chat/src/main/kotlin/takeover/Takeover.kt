package takeover

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.Event
import me.secondme.avatar.Visitor

// A bot that keeps quiet while the avatar's owner speaks in person. It passes on what the avatar says. When the owner
// takes over it says so, once; when the avatar answers again, it goes on.
suspend fun main() = AvatarClient().use { client -> serve(client, ::println) }

suspend fun serve(client: AvatarClient, say: (String) -> Unit) = coroutineScope {
    val chat = client.open(Visitor.forUser("feishu", "ou_abc"))
    launch(start = CoroutineStart.UNDISPATCHED) {
        // It ends with the conversation.
        chat.events.collect { event ->
            when (event) {
                is Event.TakenOver -> say("bot: the owner is here, I keep quiet")
                is Event.OwnerReply -> say("owner: ${event.reply.text}")
                is Event.HandedBack -> say("bot: the avatar is back")
                is Event.Reply -> say("avatar: ${event.reply.text}")
                else -> {}
            }
        }
    }
    chat.send("Can I talk with a human?")
}
