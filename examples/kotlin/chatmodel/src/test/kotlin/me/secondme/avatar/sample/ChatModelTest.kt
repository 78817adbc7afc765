package me.secondme.avatar.sample

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.test.runTest
import me.secondme.avatar.Author
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.State
import me.secondme.avatar.Visitor
import me.secondme.avatar.testing.AvatarEmulator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Test
import kotlin.time.Duration.Companion.minutes

class ChatModelTest {
    @Test
    fun `the screen shows who says what`() = withModel { model, emulator ->
        model.say("Who are you?")
        val screen = model.screen.first { it.lines.size == 3 && !it.lines.last().isUnfinished }
        assertEquals(
            listOf(
                Author.AVATAR to "Hello! 👋",
                Author.VISITOR to "Who are you?",
                Author.AVATAR to "You said: Who are you?",
            ),
            screen.lines.map { it.author to it.text },
        )
        assertEquals("My Assistant", screen.avatarName)
        assertEquals(State.LIVE, screen.connection)

        emulator.post("owner/reply", """{"sessionId": "${emulator.session()}", "text": "It is me"}""")
        val last = model.screen.first { it.lines.size == 4 }.lines.last()
        assertEquals(Author.OWNER to "It is me", last.author to last.text)
    }

    @Test
    fun `in the background the socket is given up, and what was said is there afterwards`() =
        withModel { model, emulator ->
            model.screen.first { it.connection == State.LIVE }
            model.onBackground()
            model.screen.first { it.connection == State.PAUSED }
            emulator.post("owner/reply", """{"sessionId": "${emulator.session()}", "text": "Where are you?"}""")
            model.onForeground()
            assertEquals("Where are you?", model.screen.first { it.lines.size == 2 }.lines.last().text)
        }

    @Test
    fun `another network changes nothing that is seen`() = withModel { model, _ ->
        model.screen.first { it.connection == State.LIVE }
        model.onNetworkChanged()
        model.say("Still there?")
        assertEquals(
            "You said: Still there?",
            model.screen.first {
                it.lines.size == 3 && !it.lines.last().isUnfinished
            }.lines.last().text,
        )
    }

    @Test
    fun `a message that cannot be sent comes back as a draft`() = withModel { model, emulator ->
        model.screen.first { it.connection == State.LIVE }
        emulator.post("faults", """{"at": "message/send", "do": {"fail": "some.refusal"}}""")
        model.say("Hello?")
        val screen = model.screen.first { it.draft.isNotEmpty() }
        assertEquals("Hello?", screen.draft)
        assertFalse(screen.lines.any { it.author == Author.VISITOR })
        assertFalse(screen.problem.isNullOrEmpty())
    }

    @Test
    fun `a key that is refused is said`() = AvatarEmulator.start().use { emulator ->
        runTest(timeout = 1.minutes) {
            val client = AvatarClient("sk-0123456789abcdef") { baseUrl = emulator.baseUrl }
            val model = ChatModel(client, CoroutineScope(coroutineContext + Job())) { ada }
            assertFalse(model.screen.first { it.problem != null }.problem!!.contains("0123456789abcdef"))
            client.close()
        }
    }

    private fun withModel(test: suspend (ChatModel, AvatarEmulator) -> Unit) = AvatarEmulator.start().use { emulator ->
        runTest(timeout = 1.minutes) {
            val client = AvatarClient(emulator.apiKey) { baseUrl = emulator.baseUrl }
            val life = Job()
            test(
                ChatModel(client, CoroutineScope(coroutineContext + life)) { ada },
                emulator,
            )
            life.cancelAndJoin()
            client.close()
        }
    }

    private val ada = Visitor.forUser("android", "ada")

    /** The id of the only session there is. */
    private fun AvatarEmulator.session() =
        checkNotNull(Regex("\"sessionId\":\"([^\"]+)\"").find(get("state"))) { get("state") }.groupValues[1]
}
