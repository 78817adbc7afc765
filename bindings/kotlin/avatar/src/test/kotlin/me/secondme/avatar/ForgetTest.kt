package me.secondme.avatar

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path
import kotlin.io.path.div
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.readBytes
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

class ForgetTest {
    private val bob = Visitor.forUser("test", "bob", name = "a name that stays")
    private val eve = Visitor.forUser("test", "eve", name = "a name to forget", tag = "a tag to forget")

    /** Whether these words are in any file of the store. */
    private fun Path.holds(words: String) =
        listDirectoryEntries().any { words in it.readBytes().toString(Charsets.ISO_8859_1) }

    @Test
    fun `what is forgotten is in no file of the store, and what is not stays`(@TempDir folder: Path) = withClient(
        client = { store = (folder / "avatar.db").toString() },
    ) { client, emulator ->
        val kept = client.open(bob)
        val chat = client.open(eve)
        emulator.post("faults", """{"at": "message/send", "do": {"status": 503}, "times": 1000}""")
        chat.sendDurable("words to forget")
        val told = listOf("a name to forget", "a tag to forget", "words to forget", eve.id)
        for (words in told) assertTrue(folder.holds(words), words)

        val shown = client.export(eve)
        for (words in told) assertTrue(words in shown, "$words in $shown")
        client.forget(eve)
        assertEquals(State.CLOSED, chat.state)
        for (words in told) assertFalse(folder.holds(words), words)
        assertTrue(folder.holds("a name that stays"))
        assertEquals(listOf(bob.id), client.known().map { it.id })
        assertFalse("a name to forget" in client.export(eve))
        client.forget(eve)
        emulator.post("faults/clear")
        assertEquals("You said: Hello", kept.ask("Hello").text)
    }

    @Test
    fun `a visitor whom another client has open is not forgotten`(@TempDir folder: Path) = withEmulator { emulator ->
        val file = (folder / "avatar.db").toString()
        val first = emulator.client { store = file }
        val second = emulator.client { store = file }
        first.open(eve)
        assertThrows<AvatarException.Store> { second.forget(eve) }
        assertTrue(folder.holds("a name to forget"))
        first.close()
        second.forget(eve)
        assertFalse(folder.holds("a name to forget"))
        second.close()
    }

    @Test
    fun `who was idle is forgotten, and who is here is not`(@TempDir folder: Path) = withEmulator { emulator ->
        val file = (folder / "avatar.db").toString()
        emulator.client { store = file }.use { it.open(eve) }
        emulator.client { store = file }.use { client ->
            client.open(bob)
            assertEquals(0, client.forgetIdle(1.hours))
            assertEquals(1, client.forgetIdle(0.seconds))
            assertEquals(listOf(bob.id), client.known().map { it.id })
            assertFalse(folder.holds("a name to forget"))
            assertThrows<AvatarException.Misuse> { client.forgetIdle((-1).seconds) }
        }
        assertThrows<AvatarException.Misuse> {
            emulator.client {
                store = file
                retention = 1.minutes
            }
        }
        assertThrows<AvatarException.Misuse> { emulator.client { retention = 30.days } }
        emulator.client {
            store = file
            retention = 30.days
        }.use { assertEquals(listOf(bob.id), it.known().map(Visitor::id)) }
    }

    @Test
    fun `without a store what is in memory is forgotten`() = withClient { client, _ ->
        val chat = client.open(eve)
        val session = chat.sessionId
        client.forget(eve)
        assertEquals(State.CLOSED, chat.state)
        assertNotEquals(session, client.open(eve).sessionId)
        assertThrows<AvatarException.Unsupported> { client.export(eve) }
        assertThrows<AvatarException.Unsupported> { client.forgetIdle(1.days) }
    }
}
