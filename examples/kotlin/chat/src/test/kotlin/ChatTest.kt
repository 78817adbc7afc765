import kotlinx.coroutines.runBlocking
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.testing.AvatarEmulator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class ChatTest {
    @Test
    fun `each line gets its answer`() = AvatarEmulator.start().use { emulator ->
        val output = StringBuilder()
        runBlocking {
            AvatarClient(emulator.apiKey) { baseUrl = emulator.baseUrl }.use { client ->
                chat(client, "Hello\n\nWho are you?\n".reader().buffered(), output)
            }
        }
        val expected =
            """
            My Assistant: Hello! 👋
            My Assistant: You said: Hello
            My Assistant: You said: Who are you?

            """.trimIndent()
        assertEquals(expected, output.toString())
    }
}
