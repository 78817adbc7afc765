import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.testing.AvatarEmulator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ProgramsTest {
    @Test
    fun `errors says what to do, and hands the message back`() {
        AvatarEmulator.start().use { emulator ->
            fun said(): List<String> = buildList {
                runBlocking { emulator.client().use { errors.tell(it, "The invoice is paid") { line -> add(line) } } }
            }
            assertEquals(listOf("sent"), said())
            emulator.post("faults", """{"at": "message/send", "do": {"fail": "some.code"}}""")
            val (text, unsent) = said()
            assertTrue("some.code" in text, text)
            assertEquals("not sent: The invoice is paid", unsent)
            emulator.post("faults", """{"at": "auth", "do": {"fail": "open.api.key.not.found"}}""")
            assertEquals(listOf("the key was refused: another one is needed"), said())
        }
    }

    @Test
    fun `takeover keeps quiet while the owner speaks`() {
        AvatarEmulator.start().use { emulator ->
            val then =
                """[{"owner": "takes-over"}, {"owner": {"says": "It is me"}}, {"owner": {"says": "Still me"}},
                {"owner": "hands-back"}, {"say": "Here I am again"}]"""
            emulator.post("settings", """{"brain": {"script": {"rules": [{"when": "any", "then": $then}]}}}""")
            val lines = Channel<String>(Channel.UNLIMITED)
            runBlocking {
                emulator.client().use { client ->
                    val bot = launch { takeover.serve(client) { lines.trySend(it) } }
                    val expected =
                        listOf(
                            "bot: the owner is here, I keep quiet",
                            "owner: It is me",
                            "owner: Still me",
                            "bot: the avatar is back",
                            "avatar: Here I am again",
                        )
                    assertEquals(expected, List(expected.size) { lines.receive() })
                    bot.cancel()
                }
            }
        }
    }

    private fun AvatarEmulator.client() = AvatarClient(apiKey) { baseUrl = this@client.baseUrl }
}
