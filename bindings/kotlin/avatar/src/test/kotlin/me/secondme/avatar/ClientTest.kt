package me.secondme.avatar

import kotlinx.coroutines.CompletableDeferred
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path
import java.util.Collections
import kotlin.io.path.div
import kotlin.time.Duration.Companion.milliseconds

class ClientTest {
    @Test
    fun `the same person is the same visitor in every language`() {
        val visitor = Visitor.forUser("feishu", "ou_abc", name = "张三")
        assertEquals("feishu_d10f0353-58f2-539f-9ae5-dcf371311654", visitor.id)
        assertEquals(visitor, Visitor.parse(visitor.id, name = "张三"))
        assertNotEquals(Visitor.random("web"), Visitor.random("web"))
    }

    @Test
    fun `with a store the next client goes on where this one was`(@TempDir folder: Path) = withEmulator { emulator ->
        val file = (folder / "avatar.db").toString()
        val first = emulator.client { store = file }
        val session = first.open(ada).sessionId
        emulator.post("faults", """{"at": "message/send", "do": {"status": 503}, "times": 1000}""")
        val message = first.open(ada).sendDurable("The invoice is paid")
        first.shutdown(within = 100.milliseconds)
        emulator.post("faults/clear")

        val second =
            emulator.client {
                store = file
                onDoubt = OnDoubt.RESEND
            }
        val events = second.subscribe()
        assertEquals(listOf(ada.id), second.recover())
        assertEquals(message, events.await<Event.Delivered>().messageId)
        assertEquals(session, second.open(ada).sessionId)
        second.shutdown()
    }

    @Test
    fun `without a store nothing is durable`() = withClient { client, _ ->
        val chat = client.open(ada)
        org.junit.jupiter.api.assertThrows<AvatarException.Misuse> { chat.sendDurable("keep me") }
        assertEquals(emptyList<String>(), client.recover())
    }

    @Test
    fun `only so many hold a socket at a time`() = withClient(client = { maxLive = 1 }) { client, _ ->
        val first = client.open(ada)
        client.open(Visitor.forUser("test", "bob"))
        assertEquals(State.RESTING, first.state)
        assertEquals("You said: awake", first.ask("awake").text)
        val stats = client.stats()
        assertEquals(listOf(2L, 1L, 1L), listOf(stats.visitors, stats.live, stats.resting))
    }

    @Test
    fun `whoever measures is told of every call`() {
        val steps = Collections.synchronizedList(mutableListOf<String>())
        val connected = CompletableDeferred<CallReport>()
        val told = { call: CallReport ->
            steps += call.step
            if (call.step == "connect") connected.complete(call)
        }
        withClient(client = { onCall = { told(it) } }) { client, _ ->
            client.open(ada)
            val report = connected.await()
            assertEquals(ada.id, report.visitorId)
            assertNull(report.error)
            assertTrue(steps.containsAll(listOf("authenticate", "init_chat", "create_socket", "connect")))
        }
    }

    @Test
    fun `the log is forwarded, and holds no secret`() {
        val records = Collections.synchronizedList(mutableListOf<LogRecord>())
        val heard = CompletableDeferred<Unit>()
        AvatarLog.filter = "secondme_avatar=debug"
        AvatarLog.handler = {
            records += it
            heard.complete(Unit)
        }
        withClient { client, emulator ->
            client.open(ada).ask("my secret")
            heard.await()
            val said = synchronized(records) { records.toList() }
            assertTrue(said.all { it.target.startsWith("secondme_avatar") })
            assertFalse(said.joinToString().contains(emulator.apiKey))
            assertFalse(said.joinToString().contains("my secret"))
        }
        AvatarLog.handler = null
    }

    @Test
    fun `the service is told which language it is`() = withClient { client, emulator ->
        client.open(ada)
        assertTrue(emulator.get("journal").contains("kotlin/${KotlinVersion.CURRENT}"))
    }

    @Test
    fun `without a proxy there is none`() = withClient(client = { noProxy = true }) { client, _ ->
        assertNull(client.proxy)
    }
}
