import kotlinx.coroutines.runBlocking
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.Event
import me.secondme.avatar.Visitor
import me.secondme.avatar.testing.AvatarEmulator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/** Tests of a bot of your own, against the service on this machine: no account, no key, no network. */
class BotTest {
    @Test
    fun `the owner is heard`() = withEmulator { emulator, client ->
        val chat = client.open(Visitor.forUser("test", "ada"))
        val events = chat.subscribe()
        emulator.post("owner/reply", """{"sessionId": "${chat.sessionId}", "text": "This is the real me"}""")
        assertEquals("This is the real me", events.waitFor<Event.OwnerReply>().reply.text)
    }

    @Test
    fun `a lost answer does not double the message`() = withEmulator { emulator, client ->
        emulator.post("faults", """{"at": "message/send", "do": "cut-after"}""")
        val chat = client.open(Visitor.forUser("test", "ada"))
        assertEquals("You said: Hello", chat.ask("Hello").text)
    }

    private fun withEmulator(test: suspend (AvatarEmulator, AvatarClient) -> Unit) = runBlocking {
        AvatarEmulator.start().use { emulator ->
            AvatarClient(emulator.apiKey) { baseUrl = emulator.baseUrl }.use { client -> test(emulator, client) }
        }
    }
}
