package custom

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.asFlow
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.launch
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.AvatarException
import me.secondme.avatar.Event
import me.secondme.avatar.Visitor

// Any custom integration. Here the platform is a terminal: a line `USER TEXT` is what a person says.
// With a store, sessions go on after a restart.
suspend fun main() = AvatarClient { store = "avatar.db" }.use { client ->
    serve(client, generateSequence(::readLine)) { user, text -> println("$user: $text") }
}

suspend fun serve(client: AvatarClient, lines: Sequence<String>, tell: (String?, String) -> Unit) = coroutineScope {
    val listening =
        launch(start = CoroutineStart.UNDISPATCHED) {
            client.events.collect { event ->
                val reply = (event as? Event.OwnerReply)?.reply ?: (event as? Event.Reply)?.reply
                if (reply?.asked == false) tell(event.tag, reply.text) // No question waits for it.
            }
        }
    client.recover(all = true) // Also what was said since the last run.
    coroutineScope { lines.asFlow().flowOn(Dispatchers.IO).collect { line -> launch { answer(client, line, tell) } } }
    listening.cancel()
}

private suspend fun answer(client: AvatarClient, line: String, tell: (String?, String) -> Unit) {
    val (user, text) = line.split(' ', limit = 2) + ""
    try {
        val visitor = Visitor.forUser("custom", user, tag = user)
        val chat = client.open(visitor)
        val path = "/rest/general/message/latest?sessionId=${chat.sessionId}" // A call that has no method here.
        if (text == "/raw") return tell(user, client.request("GET", path, visitor = visitor))
        chat.stream(text).collect { piece -> tell(user, piece.text) }
    } catch (_: AvatarException) {
        tell(user, "Sorry, there is no answer just now.")
    }
}
