import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.toList
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.Visitor

/** What a service does with the library. */
suspend fun answers(client: AvatarClient, questions: List<String>): List<String> = coroutineScope {
    val chat = client.open(Visitor.forUser("web", "ada", name = "Ada"))
    listOf(chat.opening) + questions.map { chat.ask(it).text } +
        chat.stream("bye").toList().joinToString("") { it.text }
}
