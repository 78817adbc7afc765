package me.secondme.avatar

import me.secondme.avatar.testing.AvatarEmulator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import java.io.File

class ReadmeTest {
    @Test
    fun `the program of the README is the one that runs here`() {
        val shown = File("../README.md").readText().substringAfter("```kotlin\n").substringBefore("```")
        assertEquals(File("src/test/kotlin/Quickstart.kt").readText(), shown)
        AvatarEmulator.start().use { emulator ->
            val environment = mapOf("SECONDME_API_KEY" to emulator.apiKey, "SECONDME_BASE_URL" to emulator.baseUrl)
            val said = program("QuickstartKt", environment = environment).said()
            assertEquals(
                """
                Hello! 👋
                You said: Hello, tell me about yourself
                You said: And what are you working on?
                """.trimIndent(),
                said,
            )
        }
    }
}
