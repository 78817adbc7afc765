package me.secondme.avatar

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path
import kotlin.io.path.div
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes

class NotesTest {
    private val ada = Visitor.forUser("test", "ada", name = "Ada Lovelace", tag = "a tag")
    private val bob = Visitor.forUser("test", "bob")

    @Test
    fun `notes outlive the client, are listed, and expire`(@TempDir folder: Path) = withEmulator { emulator ->
        val file = (folder / "avatar.db").toString()
        val first = emulator.client { store = file }
        first.setNote(ada, "address", "a word of hers")
        assertTrue(first.addNote(bob, "message/1", "taken", lifetime = 1.minutes))
        assertFalse(first.addNote(bob, "message/1", "again"))
        first.close()
        val client = emulator.client { store = file }
        assertEquals("a word of hers", client.note(ada, "address"))
        assertNull(client.note(bob, "address"))
        val notes = client.notes("")
        assertEquals(listOf("address", "message/1"), notes.map { it.key })
        assertEquals(listOf("Ada Lovelace", null), notes.map { it.visitor.name })
        assertFalse("hers" in notes.toString() || "Lovelace" in notes.toString())
        client.advanceClock(1.minutes)
        assertTrue(client.notes("message/").isEmpty())
        assertTrue("a word of hers" in client.export(ada))
        assertTrue(client.deleteNote(ada, "address"))
        assertThrows<AvatarException.Misuse> { client.setNote(ada, "", "text") }
        assertThrows<AvatarException.Misuse> { client.setNote(ada, "k", "text", lifetime = Duration.ZERO) }
        client.close()
    }

    @Test
    fun `a message goes out under the id that was chosen, and a call of one's own is exact`() =
        withClient { client, _ ->
            val chat = client.open(ada)
            val (asked, streamed, sent) = List(3) { newMessageId() }
            assertEquals(asked, chat.ask("one", messageId = asked).inReplyTo)
            chat.stream("two", messageId = streamed).collect { }
            assertEquals(sent, chat.send("three", messageId = sent).messageId)
            val said = chat.history().filter { it.author == Author.VISITOR }.map { it.id }
            assertEquals(listOf(asked, streamed, sent), said)
            assertThrows<AvatarException.Misuse> { chat.send("four", messageId = sent) }
            assertThrows<AvatarException.Misuse> { chat.send("four", messageId = "mine") }

            val path = "/rest/general/message/latest?sessionId=${chat.sessionId}"
            assertTrue("\"one\"" in client.request("GET", path, visitor = ada))
            assertThrows<AvatarException.Misuse> { client.request("GET", "/../a") }
            assertThrows<AvatarException.Misuse> { client.request("POST", "/a", body = "no JSON") }
            assertThrows<AvatarException.Refused> { client.request("GET", "/rest/none", visitor = ada) }
        }
}
