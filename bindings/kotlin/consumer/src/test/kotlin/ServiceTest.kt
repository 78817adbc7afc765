import kotlinx.coroutines.runBlocking
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.testing.AvatarEmulator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class ServiceTest {
    @Test
    fun `it is compiled and runs with the Kotlin that Spring Boot manages`() {
        assertEquals("1.9", KotlinVersion.CURRENT.toString().substringBeforeLast('.'))
        AvatarEmulator.start().use { emulator ->
            val client = AvatarClient(emulator.apiKey) { baseUrl = emulator.baseUrl }
            val said = runBlocking { answers(client, listOf("one", "two")) }
            client.closeBlocking()
            assertEquals(listOf("Hello! 👋", "You said: one", "You said: two", "You said: bye"), said)
        }
    }
}
