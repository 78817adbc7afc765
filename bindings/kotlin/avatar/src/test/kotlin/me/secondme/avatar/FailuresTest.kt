package me.secondme.avatar

import kotlinx.coroutines.flow.toList
import me.secondme.avatar.core.CoreErrorKind
import me.secondme.avatar.core.CoreFailure
import me.secondme.avatar.core.CoreStep
import me.secondme.avatar.core.CoreUnsentMessage
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.io.ByteArrayOutputStream
import java.io.ObjectInputStream
import java.io.ObjectOutputStream
import kotlin.time.Duration.Companion.ZERO
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

class FailuresTest {
    @Test
    fun `every kind has its exception, under the name it has everywhere`() {
        for (kind in CoreErrorKind.entries) {
            val causes = listOf("outer", "inner")
            val failure = CoreFailure(kind, "what to do", "c", CoreStep.CONNECT, 418u, true, 1500u, null, causes)
            val thrown = failure.toException()
            assertEquals(kind.name.lowercase(), thrown.kind)
            assertEquals("what to do", thrown.message)
            assertEquals(listOf("c", Step.CONNECT), listOf(thrown.code, thrown.step))
            assertEquals(listOf(418, true), listOf(thrown.status, thrown.retryable))
            assertEquals(1500.milliseconds, thrown.retryAfter)
            assertEquals(listOf("outer", "inner"), listOf(thrown.cause?.message, thrown.cause?.cause?.message))
        }
        val classes = CoreErrorKind.entries.map { failure(it, "")::class }
        assertEquals(CoreErrorKind.entries.size, classes.toSet().size)
    }

    @Test
    fun `a failure survives serialization`() {
        val unsent = CoreUnsentMessage("kept", true, "an id")
        val failure =
            CoreFailure(CoreErrorKind.DEADLINE, "late", "c", CoreStep.CONNECT, 418u, true, 1500u, unsent, listOf("why"))
        val bytes = ByteArrayOutputStream()
        ObjectOutputStream(bytes).use { it.writeObject(failure.toException()) }
        val read = ObjectInputStream(bytes.toByteArray().inputStream()).use { it.readObject() } as AvatarException
        assertEquals(listOf("late", "c", Step.CONNECT, 418), listOf(read.message, read.code, read.step, read.status))
        assertEquals(1500.milliseconds, read.retryAfter)
        assertEquals(listOf("kept", true, "an id"), read.unsent?.run { listOf(text, certain, messageId) })
        assertEquals("why", read.cause?.message)
    }

    @Test
    fun `what is no key is refused before anything is sent`() {
        val wrong = assertThrows<AvatarException> { AvatarClient("my key") }
        assertTrue(wrong is AvatarException.Misuse, wrong.toString())
        assertFalse(wrong.message!!.contains("my key"))
        assertThrows<AvatarException.Misuse> { AvatarClient("sk-0123456789abcdef") { heartbeat = 60.seconds } }
        assertThrows<AvatarException.Misuse> { AvatarClient("sk-0123456789abcdef") { maxLive = -1 } }
        assertThrows<AvatarException.Misuse> { AvatarClient("sk-0123456789abcdef") { quota = -1 } }
        assertThrows<AvatarException.Misuse> { AvatarClient("sk-0123456789abcdef") { askDeadline = (-1).seconds } }
        val unpinned = assertThrows<AvatarException.Misuse> {
            AvatarClient("sk-0123456789abcdef") { pins = listOf(PIN, "sha256/no") }
        }
        assertTrue("`pins`" in unpinned.message.orEmpty(), unpinned.message)
        assertThrows<AvatarException.Misuse> { AvatarClient("sk-0123456789abcdef") { socketHosts = emptyList() } }
        AvatarClient("sk-0123456789abcdef") {
            pins = listOf(PIN, PIN)
            socketHosts = listOf("ws.second.me", "*.second.me")
        }.closeBlocking()
    }

    @Test
    fun `what cannot be said is refused`() = withClient { client, _ ->
        val chat = client.open(ada)
        val half = assertThrows<AvatarException.Misuse> { chat.ask("cut \uD83D") }
        assertTrue(half.message!!.contains("surrogate"), half.message)
        assertThrows<AvatarException.Misuse> { chat.send("cut \uD83D") }
        assertThrows<AvatarException.Misuse> { chat.sendDurable("\uDE00 cut") }
        assertThrows<AvatarException.Misuse> { chat.stream("cut \uD83D").toList() }
        assertThrows<AvatarException.Misuse> { chat.history(1, before = CUT) }
        assertThrows<AvatarException.Misuse> { chat.ask("Hi", deadline = (-1).seconds) }
        assertThrows<AvatarException.Misuse> { client.close(deadline = (-1).seconds) }
        assertEquals("You said: 👋", chat.ask("👋").text)
    }

    @Test
    fun `half a surrogate pair is refused in every text, before anything is sent`() = withClient { client, emulator ->
        assertThrows<AvatarException.Misuse> { Visitor.forUser(CUT, "ada") }
        assertThrows<AvatarException.Misuse> { Visitor.forUser("test", CUT) }
        assertThrows<AvatarException.Misuse> { Visitor.parse(CUT) }
        assertThrows<AvatarException.Misuse> { Visitor.random(CUT) }
        assertThrows<AvatarException.Misuse> { client.open(Visitor.forUser("test", "ada", name = CUT)) }
        assertThrows<AvatarException.Misuse> { client.open(Visitor.forUser("test", "ada", channel = CUT)) }
        assertThrows<AvatarException.Misuse> { client.open(Visitor.forUser("test", "ada", tag = CUT)) }
        assertThrows<AvatarException.Misuse> { client.backup(CUT) }
        assertThrows<AvatarException.Misuse> { AvatarClient(CUT) }
        val options = listOf<ClientOptions.() -> Unit>(
            { baseUrl = CUT },
            { proxy = CUT },
            { caFile = CUT },
            { store = CUT },
            { pins = listOf(CUT) },
        )
        for (option in options) assertThrows<AvatarException.Misuse> { AvatarClient("sk-0123456789abcdef", option) }
        assertEquals(0, client.stats().calls)
        assertFalse(emulator.get("state").contains("\uFFFD"))
    }

    @Test
    fun `what is no visitor id is refused`() {
        assertThrows<AvatarException.InvalidVisitorId> { Visitor.parse("Ada") }
        assertThrows<AvatarException.InvalidVisitorId> { Visitor.forUser("飞书", "u") }
    }

    @Test
    fun `a key that the service does not know says so, with code and step`() = withEmulator { emulator ->
        val client = AvatarClient("sk-0123456789abcdef") { baseUrl = emulator.baseUrl }
        val refused = assertThrows<AvatarException.Authentication> { client.open(ada) }
        assertEquals("open.api.key.not.found", refused.code)
        assertEquals(Step.AUTHENTICATE, refused.step)
        assertFalse(refused.retryable)
        assertFalse("$client $refused".contains("0123456789abcdef"))
        client.close()
    }

    @Test
    fun `a quota that is used up says when to come back`() = withClient(client = { quota = 1 }) { client, _ ->
        client.open(ada)
        val refused = assertThrows<AvatarException.RateLimited> {
            client.open(Visitor.forUser("test", "bob"), deadline = 1.seconds)
        }
        assertTrue(refused.retryable)
        assertTrue(refused.retryAfter!! > ZERO)
    }

    @Test
    fun `a deadline says what was in the way`() = withClient { client, emulator ->
        emulator.post("faults", """{"at": "auth", "do": {"status": 503}, "times": 1000}""")
        val late = assertThrows<AvatarException.Deadline> { client.open(ada, deadline = 500.milliseconds) }
        assertEquals(Step.AUTHENTICATE, late.step)
        assertNotNull(late.cause)
    }

    @Test
    fun `a message that is given up comes back`() = withClient { client, emulator ->
        val chat = client.open(ada)
        emulator.post("faults", """{"at": "message/send", "do": {"status": 503}, "times": 1000}""")
        val lost = assertThrows<AvatarException> { chat.send("The invoice is paid", deadline = 300.milliseconds) }
        assertEquals("The invoice is paid", lost.unsent?.text)
        assertFalse("$lost ${lost.unsent}".contains("invoice"))
        val stream = assertThrows<AvatarException> { chat.stream("And now?", deadline = 300.milliseconds).toList() }
        assertEquals("And now?", stream.unsent?.text)
    }

    @Test
    fun `what is closed says so, and closing again does nothing`() = withEmulator { emulator ->
        val client = emulator.client()
        val chat = client.open(ada)
        val events = client.subscribe()
        client.close()
        client.close()
        client.close()
        assertEquals(CloseReason.Requested, events.await<Event.Closed>().reason)
        assertThrows<AvatarException.Closed> { client.open(ada) }
        assertThrows<AvatarException.Closed> { client.subscribe() }
        assertThrows<AvatarException.Closed> { chat.send("too late") }
        assertEquals(State.CLOSED, chat.state)
        assertEquals(1, client.stats().authentications)
    }

    private companion object {
        /** Cut in the middle of a character. */
        const val CUT = "cut \uD83D"
        const val PIN = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    }
}
