package me.secondme.avatar.sample

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import me.secondme.avatar.AvatarClient

/** What the app is but for its screen: asks its server who it is, says something, and lives until its input ends. */
fun main(arguments: Array<String>) = runBlocking {
    val (server, service, session) = arguments
    val backend = Backend(server) { session }
    val client = AvatarClient.withCredentials({ baseUrl = service }) { backend.credentials(anew = it.refused) }
    val life = Job()
    val model = ChatModel(client, CoroutineScope(Dispatchers.Default + life)) { backend.credentials().visitor() }
    model.say("Hello")
    val screen = model.screen.first { it.problem != null || it.lines.lastOrNull()?.text == "You said: Hello" }
    println(screen.problem ?: screen.lines.last().text)
    System.`in`.read()
    life.cancel()
    client.close()
}
