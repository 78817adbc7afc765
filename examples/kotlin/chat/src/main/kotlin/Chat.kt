import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.AvatarException
import me.secondme.avatar.Event
import me.secondme.avatar.Visitor
import java.io.BufferedReader

/**
 * Talk with your avatar on the command line. The API key is read from `SECONDME_API_KEY`, and another service than the
 * real one from `SECONDME_BASE_URL`.
 */
fun main() = runBlocking {
    AvatarClient().use { client -> chat(client, System.`in`.bufferedReader(), System.out) }
}

/** One line, one question; the pieces of the answer as they come; and whatever the owner says in between. */
suspend fun chat(client: AvatarClient, input: BufferedReader, output: Appendable) = coroutineScope {
    val chat = client.open(Visitor.forUser("terminal", System.getProperty("user.name"), name = "Terminal"))
    val avatar = chat.avatarName.ifEmpty { "Avatar" }
    output.appendLine("$avatar: ${chat.opening}")

    val listening =
        launch(start = CoroutineStart.UNDISPATCHED) {
            chat.events.collect { event ->
                when (event) {
                    is Event.OwnerReply -> output.appendLine("The owner, in person: ${event.reply.text}")
                    is Event.Disconnected -> output.appendLine("(the connection is lost; it comes back by itself)")
                    else -> {}
                }
            }
        }

    while (true) {
        val line = withContext(Dispatchers.IO) { input.readLine() } ?: break
        if (line.isBlank()) continue
        try {
            output.append("$avatar: ")
            chat.stream(line).collect { piece -> output.append(piece.text) }
            output.appendLine()
        } catch (failed: AvatarException) {
            output.appendLine("(${failed.message})")
        }
    }
    listening.cancelAndJoin()
}
