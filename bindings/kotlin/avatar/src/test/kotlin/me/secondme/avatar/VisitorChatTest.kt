package me.secondme.avatar

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import me.secondme.avatar.core.CoreErrorKind
import me.secondme.avatar.testing.AvatarEmulator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.io.IOException
import java.util.Collections
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

class VisitorChatTest {
    @Test
    fun `an app opens a conversation, asks, and is answered`() = withEmulator { emulator ->
        val steps = Collections.synchronizedList(mutableListOf<Step>())
        emulator.ofApp { onCall = { steps += it.step } }.use { client ->
            val chat = client.open(ada)
            assertEquals("Hello! 👋", chat.opening)
            assertEquals("You said: Hello", chat.ask("Hello").text)
            assertEquals("You said: Hello", client.open(Visitor.forUser("test", "bob")).ask("Hello").text)
            // The app's token is fetched once for both.
            assertEquals(1, emulator.calls("oauth/token"))
            assertTrue(steps.containsAll(listOf(Step.FETCH_TOKEN, Step.INIT_VISITOR_CHAT, Step.CONNECT)), "$steps")
            val shown = "$client $chat"
            assertFalse(shown.contains(emulator.clientSecret) || shown.contains(emulator.apiKey), shown)
        }
    }

    @Test
    fun `a function gives the users' tokens, and is asked again when one was refused`() = withEmulator(
        "--user-token",
        "lba_at_ann=ann",
    ) { emulator ->
        val asked = Collections.synchronizedList(mutableListOf<TokenRequest>())
        emulator.ofUsers { request ->
            asked += request
            if (request.refused) "lba_at_next" else "lba_at_ann"
        }.use { client ->
            val chat = client.open(ada)
            assertEquals("You said: Hello", chat.ask("Hello").text)
            emulator.post("settings", """{"user-tokens": [{"token": "lba_at_next", "user": "ann"}]}""")
            emulator.post("chat-tokens", """{"token": "lba_at_ann", "standing": "revoked"}""")
            assertEquals("You said: Again", chat.ask("Again").text)
            assertEquals(listOf(ada.id, ada.id), asked.map { it.visitorId })
            assertEquals(listOf(false, true), asked.map { it.refused })
            assertEquals("TokenRequest(${ada.id}, refused)", asked.last().toString())

            val withdrawal = """{"token": "lba_at_next", "user": "ann", "standing": "withdrawn"}"""
            emulator.post("settings", """{"user-tokens": [$withdrawal]}""")
            val withdrawn = assertThrows<AvatarException.Authentication> { chat.ask("And now?") }
            assertEquals("oauth2.authorization.revoked", withdrawn.code)
            assertFalse("$withdrawn $asked".contains("lba_at"))
        }
    }

    @Test
    fun `what the function throws is the error of the calls that wait`() = withEmulator { emulator ->
        emulator.ofUsers { error("no user is logged in, lba_at_secret") }.use { client ->
            val thrown = assertThrows<AvatarException.Authentication> { client.open(ada) }
            assertEquals(Step.FETCH_TOKEN, thrown.step)
            assertTrue(thrown.message!!.contains("IllegalStateException: no user is logged in"), thrown.message)
            assertFalse("$thrown".contains("lba_at_secret"))
        }
        emulator.ofUsers { throw failure(CoreErrorKind.PAYMENT_REQUIRED, "pay first") }
            .use { client -> assertThrows<AvatarException.PaymentRequired> { client.open(ada) } }
        emulator.ofUsers { throw IllegalStateException("cut \uD83D") }
            .use { client -> assertThrows<AvatarException.Authentication> { client.open(ada) } }
        for (wrong in listOf("", "lba_at with a space", "lba_at\n", "cut \uD83D")) {
            emulator.ofUsers { wrong }
                .use { client -> assertThrows<AvatarException.Misuse>("$wrong!") { client.open(ada) } }
        }
        assertEquals(0, emulator.calls("visitor-chat/init"))
    }

    @Test
    fun `a function whose network or time limit fails is asked again within the deadline`() = withEmulator(
        "--user-token",
        "lba_at_ann=ann",
    ) { emulator ->
        val attempts = AtomicInteger()
        val client = emulator.ofUsers {
            when (attempts.incrementAndGet()) {
                1 -> throw IllegalStateException("the backend", IOException("no route to host"))
                2 -> withTimeout(1.milliseconds) { awaitCancellation() }
                else -> "lba_at_ann"
            }
        }
        client.use {
            val opening = async { it.open(ada) }
            // The clock goes on until the third attempt is made, and no further: deadlines stand in it too.
            eventually {
                if (attempts.get() in 1..2) it.advanceClock(100.milliseconds)
                attempts.get() == 3
            }
            opening.await()
            assertEquals(3, attempts.get())
        }
    }

    @Test
    fun `a function that never answers is given up and asked again`() = withEmulator(
        "--user-token",
        "lba_at_ann=ann",
    ) { emulator ->
        val attempts = AtomicInteger()
        val cancelled = CompletableDeferred<Unit>()
        val client = emulator.ofUsers {
            if (attempts.incrementAndGet() == 1) {
                try {
                    awaitCancellation()
                } finally {
                    cancelled.complete(Unit)
                }
            }
            "lba_at_ann"
        }
        client.use {
            val opening = async { it.open(ada) }
            eventually { attempts.get() == 1 }
            it.advanceClock(21.seconds)
            assertEquals("You said: Hello", opening.await().ask("Hello").text)
            cancelled.await()
        }
    }

    @Test
    fun `a function that takes too long is cancelled, and holds nothing up`() = withEmulator { emulator ->
        val started = CompletableDeferred<Unit>()
        val ended = CompletableDeferred<Throwable>()
        val client = emulator.ofUsers {
            started.complete(Unit)
            try {
                awaitCancellation()
            } catch (cancelled: Throwable) {
                ended.complete(cancelled)
                throw cancelled
            }
        }
        assertThrows<AvatarException.Deadline> { client.open(ada, deadline = 300.milliseconds) }
        started.await()
        ended.await()
        client.close()
        assertEquals(0, client.stats().visitors)
    }

    @Test
    fun `a function that blocks its thread holds up neither another visitor nor closing`() = withEmulator(
        "--user-token",
        "lba_at_ann=ann",
    ) { emulator ->
        val released = CountDownLatch(1)
        val client = emulator.ofUsers { request ->
            if (request.visitorId == ada.id) withContext(Dispatchers.IO) { released.await() }
            "lba_at_ann"
        }
        try {
            val waiting = async { runCatching { client.open(ada) } }
            val other = client.open(Visitor.forUser("test", "bob"))
            assertEquals("You said: Hello", other.ask("Hello").text)
            client.close()
            assertTrue(waiting.await().exceptionOrNull() is AvatarException.Closed)
        } finally {
            released.countDown()
        }
    }

    @Test
    fun `closing cancels the function that still runs`() = withEmulator { emulator ->
        val started = CompletableDeferred<Unit>()
        val ended = CompletableDeferred<Unit>()
        val client = emulator.ofUsers {
            started.complete(Unit)
            try {
                awaitCancellation()
            } finally {
                ended.complete(Unit)
            }
        }
        val opening = async { runCatching { client.open(ada) } }
        started.await()
        client.close()
        ended.await()
        assertTrue(opening.await().exceptionOrNull() is AvatarException.Closed)
    }

    @Test
    fun `a client that is dropped without being closed lets its function go`() = withEmulator(
        "--user-token",
        "lba_at_ann=ann",
    ) { emulator ->
        val function = java.lang.ref.WeakReference(openAndForget(emulator))
        eventually {
            System.gc()
            function.get() == null
        }
    }

    private suspend fun openAndForget(emulator: AvatarEmulator): suspend (TokenRequest) -> String {
        val token = "lba_at_${"ann"}"
        val function: suspend (TokenRequest) -> String = { token }
        AvatarClient.visitorChat(emulator.apiKey, { baseUrl = emulator.labBaseUrl }, function).open(ada)
        return function
    }

    @Test
    fun `what cannot be is refused before anything is sent`() = withEmulator { emulator ->
        val key = emulator.apiKey
        val wrong = listOf<() -> AvatarClient>(
            { AvatarClient.visitorChat("", "secret", key) },
            { AvatarClient.visitorChat("app", "", key) },
            { AvatarClient.visitorChat("cut \uD83D", "secret", key) },
            { AvatarClient.visitorChat("app", "cut \uD83D", key) },
            { AvatarClient.visitorChat("app", "my secret phrase", "my key") },
            { AvatarClient.visitorChat("my key") { "lba_at_1" } },
            { AvatarClient.visitorChat(key, { maxLive = -1 }) { "lba_at_1" } },
        )
        for ((number, make) in wrong.withIndex()) {
            val refused = assertThrows<AvatarException.Misuse>("number $number") { make() }
            assertFalse("$refused".contains("my secret phrase") || "$refused".contains("my key"), "$refused")
        }
        val unset = assertThrows<AvatarException.Misuse> { AvatarClient.visitorChatFromEnvironment() }
        assertTrue(unset.message!!.contains("SECONDME_CLIENT_ID"), unset.message)
        val noKey = assertThrows<AvatarException.Misuse> { AvatarClient.visitorChat { "lba_at_1" } }
        assertTrue(noKey.message!!.contains("SECONDME_API_KEY"), noKey.message)
        assertEquals(0, emulator.calls("oauth/token"))
    }

    @Test
    fun `a wrong client secret is fatal, and is not shown`() = withEmulator { emulator ->
        val client = AvatarClient.visitorChat(emulator.clientId, "another-secret", emulator.apiKey) {
            baseUrl = emulator.labBaseUrl
        }
        client.use {
            val refused = assertThrows<AvatarException.Authentication> { it.open(ada) }
            assertEquals("oauth2.client.secret_mismatch", refused.code)
            assertFalse("$refused".contains("another-secret"))
        }
    }

    @Test
    fun `what this door lacks is said`() = withEmulator(
        "--visitor-chat-second-init",
        "new",
        "--visitor-chat-ping-drop",
        "never",
    ) { emulator ->
        emulator.ofApp().use { client ->
            val events = client.subscribe()
            val chat = client.open(ada)
            val before = chat.sessionId
            emulator.post("owner/reply", """{"sessionId": "$before", "text": "I am here myself"}""")
            assertFalse(events.await<Event.OwnerReply>().reply.confirmed)
            emulator.post("owner/handback", """{"sessionId": "$before"}""")
            assertTrue(chat.ask("Hello").confirmed)
            assertThrows<AvatarException.Unsupported> { chat.history(10) }
            // The socket's address is good for a minute: only after it is the service asked for another one.
            repeat(61) {
                client.advanceClock(1.seconds)
                emulator.post("clock", """{"advance_ms": 1000}""")
            }
            emulator.post("sockets/close")
            val replaced = events.await<Event.SessionReplaced>()
            assertEquals(before, replaced.from)
            assertNotEquals(before, replaced.to)
            assertEquals(Gap.Unknown, events.await<Event.Reconnected>().gap)
            assertEquals(replaced.to, chat.sessionId)
            assertEquals("You said: Still there?", chat.ask("Still there?").text)
        }
    }

    private fun AvatarEmulator.ofApp(options: ClientOptions.() -> Unit = {}) =
        AvatarClient.visitorChat(clientId, clientSecret, apiKey) {
            baseUrl = labBaseUrl
            options()
        }

    private fun AvatarEmulator.ofUsers(token: suspend (TokenRequest) -> String) =
        AvatarClient.visitorChat(apiKey, { baseUrl = labBaseUrl }, token)

    private fun AvatarEmulator.calls(name: String) =
        Regex(""""$name":\s*(\d+)""").find(get("state").substringAfter("\"calls\""))?.groupValues?.get(1)?.toInt() ?: 0
}
