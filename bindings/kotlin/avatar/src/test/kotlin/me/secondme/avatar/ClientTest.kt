package me.secondme.avatar

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.StandardTestDispatcher
import kotlinx.coroutines.withContext
import kotlinx.coroutines.yield
import me.secondme.avatar.scenarios.parseJson
import me.secondme.avatar.testing.AvatarEmulator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.lang.ref.WeakReference
import java.nio.file.Path
import java.time.Instant
import java.util.Collections
import kotlin.io.path.div
import kotlin.io.path.readText
import kotlin.time.Duration.Companion.milliseconds

class ClientTest {
    @Test
    fun `the same person is the same visitor in every language`() {
        val file = Path.of(System.getProperty("scenarios")).resolveSibling("visitor-ids.json")
        for (known in parseJson(file.readText()) as List<*>) {
            val (platform, userId, secret, id) = (known as Map<*, *>).values.map { it as String? }
            val visitor = when (secret) {
                null -> Visitor.forUser(platform!!, userId!!)
                else -> Visitor.forUserWithSecret(platform!!, userId!!, secret)
            }
            assertEquals(id, visitor.id)
        }
        val visitor = Visitor.forUser("feishu", "ou_abc", name = "张三")
        assertEquals(visitor, Visitor.parse(visitor.id, name = "张三"))
        assertNotEquals(Visitor.random("web"), Visitor.random("web"))
    }

    @Test
    fun `a secret that can be guessed is refused and not repeated`() {
        val refused = assertThrows<AvatarException.InvalidVisitorId> {
            Visitor.forUserWithSecret("web", "ada", "hunter2")
        }
        assertFalse("hunter2" in refused.message.orEmpty())
    }

    /** A toy: it hides the words, and fails when told to. */
    private class Mask(private val fails: Boolean = false) : Seal {
        override fun seal(bytes: ByteArray) = turned(bytes)

        override fun unseal(sealed: ByteArray) = turned(sealed)

        private fun turned(bytes: ByteArray): ByteArray {
            check(!fails) { "the keystore is locked" }
            return ByteArray(bytes.size) { (bytes[it].toInt() xor 0x55).toByte() }
        }
    }

    @Test
    fun `what is sealed cannot be read in the file, and the next run goes on`(@TempDir folder: Path) = withEmulator {
        val path = (folder / "avatar.db").toString()
        val visitor = Visitor.forUser("web", "ada", name = "a name to hide")
        val first = it.client {
            store = path
            seal = Mask()
        }
        val session = first.open(visitor).sessionId
        first.close()
        for (file in folder.toFile().listFiles().orEmpty()) {
            assertFalse("a name to hide" in file.readBytes().toString(Charsets.ISO_8859_1), file.name)
        }
        val second = it.client {
            store = path
            seal = Mask()
        }
        assertEquals(listOf("a name to hide"), second.known().map(Visitor::name))
        assertEquals(session, second.open(visitor).sessionId)
        second.close()

        val locked = it.client {
            store = path
            seal = Mask(fails = true)
        }
        val refused = assertThrows<AvatarException.Store> { locked.open(visitor) }
        assertTrue("the keystore is locked" in refused.message.orEmpty(), refused.message)
        locked.close()
    }

    /** What Kotlin throws for `TODO()` is no exception, but an error. */
    private class Unwritten : Seal {
        override fun seal(bytes: ByteArray) = TODO("not written yet")

        override fun unseal(sealed: ByteArray) = TODO("not written yet")
    }

    @Test
    fun `a seal that throws an error leaves no empty row behind`(@TempDir folder: Path) = withEmulator {
        val path = (folder / "avatar.db").toString()
        val unwritten = it.client {
            store = path
            seal = Unwritten()
        }
        val refused = assertThrows<AvatarException.Store> { unwritten.open(ada).sendDurable("Hello") }
        assertTrue("NotImplementedError" in refused.message.orEmpty(), refused.message)
        unwritten.close()
        val next = it.client { store = path }
        assertEquals(emptyList<Visitor>(), next.known())
        next.close()
    }

    @Test
    fun `a seal without a store is a misuse`() {
        assertThrows<AvatarException.Misuse> { AvatarClient("sk-1") { seal = Mask() } }
    }

    @Test
    fun `with a store the next client goes on where this one was`(@TempDir folder: Path) = withEmulator { emulator ->
        val file = (folder / "avatar.db").toString()
        val first = emulator.client { store = file }
        val session = first.open(ada).sessionId
        emulator.post("faults", """{"at": "message/send", "do": {"status": 503}, "times": 1000}""")
        val message = first.open(ada).sendDurable("The invoice is paid")
        first.close(deadline = 100.milliseconds)
        emulator.post("faults/clear")

        val second =
            emulator.client {
                store = file
                delivery = Delivery.AT_LEAST_ONCE
            }
        val events = second.subscribe()
        assertEquals(listOf(ada.id), second.recover())
        assertEquals(message, events.await<Event.Delivered>().messageId)
        assertEquals(session, second.open(ada).sessionId)
        second.close()
    }

    @Test
    fun `a visitor's tag is kept, and all whom the store knows are heard after a restart`(@TempDir folder: Path) =
        withEmulator { emulator ->
            val file = (folder / "avatar.db").toString()
            val tagged = Visitor.forUser("test", "ada", name = "Ada", tag = "room 7")
            val session = emulator.client { store = file }.use { first ->
                val events = first.subscribe()
                val chat = first.open(tagged)
                assertEquals("room 7", chat.tag)
                val session = chat.sessionId
                assertEquals("room 7", events.await<Event.Opened>().tag)
                eventually { first.stats().storedVisitors == 1L }
                first.backup((folder / "copy.db").toString())
                val text = (folder / "notes.txt").toFile().apply { writeText("no store") }
                org.junit.jupiter.api.assertThrows<AvatarException.Store> { first.backup(text.path) }
                session
            }

            emulator.client { store = file }.use { second ->
                assertEquals(listOf(tagged), second.known())
                val events = second.subscribe()
                assertEquals(emptyList<String>(), second.recover())
                assertEquals(listOf(tagged.id), second.recover(all = true))
                events.await<Event.Opened>()
                emulator.post("owner/reply", """{"sessionId": "$session", "text": "Are you there?"}""")
                val heard = events.await<Event.OwnerReply>()
                assertEquals(listOf("room 7", "Are you there?"), listOf(heard.tag, heard.reply.text))
            }
            emulator.client { store = (folder / "copy.db").toString() }.use {
                assertEquals(listOf(tagged), it.known())
            }
        }

    @Test
    fun `without a store nothing is durable`() = withClient { client, _ ->
        val chat = client.open(ada)
        org.junit.jupiter.api.assertThrows<AvatarException.Misuse> { chat.sendDurable("keep me") }
        assertEquals(emptyList<String>(), client.recover())
        assertEquals(emptyList<Visitor>(), client.known())
        org.junit.jupiter.api.assertThrows<AvatarException.Unsupported> { client.backup("nowhere.db") }
    }

    @Test
    fun `only so many hold a socket at a time`() = withClient(client = { maxLive = 1 }) { client, _ ->
        val first = client.open(ada)
        client.open(Visitor.forUser("test", "bob"))
        assertEquals(State.PAUSED, first.state)
        assertEquals("You said: awake", first.ask("awake").text)
        val stats = client.stats()
        assertEquals(listOf(2L, 1L, 1L), listOf(stats.visitors, stats.live, stats.paused))
    }

    @Test
    fun `every call is reported`() {
        val steps = Collections.synchronizedList(mutableListOf<Step>())
        val connected = CompletableDeferred<CallReport>()
        val told = { call: CallReport ->
            steps += call.step
            if (call.step == Step.CONNECT) connected.complete(call)
        }
        withClient(client = { onCall = { told(it) } }) { client, _ ->
            client.open(ada)
            val report = connected.await()
            assertEquals(ada.id, report.visitorId)
            assertNull(report.error)
            assertTrue(report.started <= Instant.now())
            assertTrue(steps.containsAll(listOf(Step.AUTHENTICATE, Step.INIT_CHAT, Step.CREATE_SOCKET, Step.CONNECT)))
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
    fun `a report and a record that are thrown at are not the last ones`() {
        val reports = CompletableDeferred<Unit>()
        val records = CompletableDeferred<Unit>()
        val uncaught = Collections.synchronizedList(mutableListOf<String>())
        val own = Thread.getDefaultUncaughtExceptionHandler()
        Thread.setDefaultUncaughtExceptionHandler { _, thrown -> uncaught += thrown.message.orEmpty() }
        var told = 0
        var logged = 0
        AvatarLog.filter = "secondme_avatar=debug"
        AvatarLog.handler = {
            if (++logged == 3) records.complete(Unit)
            error("record $logged")
        }
        val onCall = { _: CallReport ->
            if (++told == 3) reports.complete(Unit)
            error("report $told")
        }
        try {
            withClient(client = { this.onCall = onCall }) { client, _ ->
                client.open(ada).ask("Hello")
                reports.await()
                records.await()
                assertTrue(uncaught.containsAll(listOf("report 1", "report 2", "record 1", "record 2")), "$uncaught")
            }
        } finally {
            AvatarLog.handler = null
            Thread.setDefaultUncaughtExceptionHandler(own)
        }
    }

    @Test
    fun `a client that is dropped without being closed lets its function for reports go`() = withEmulator { emulator ->
        val function = WeakReference(openAndForget(emulator))
        eventually {
            System.gc()
            function.get() == null
        }
    }

    private suspend fun openAndForget(emulator: AvatarEmulator): (CallReport) -> Unit {
        val told = Collections.synchronizedList(mutableListOf<CallReport>())
        val function: (CallReport) -> Unit = { told += it }
        emulator.client { onCall = function }.open(ada)
        return function
    }

    @Test
    fun `a client is closed without blocking a thread, however its use ends`() = withEmulator { emulator ->
        // One thread for all: a task that blocks it holds up the others.
        val dispatcher = StandardTestDispatcher(testScheduler)
        withContext(dispatcher) {
            val ticks = async { repeat(3) { yield() } }
            val text = emulator.client().use { client -> client.open(ada).ask("Hello").text }
            assertEquals("You said: Hello", text)
            ticks.await()
        }
        var left: AvatarClient? = null
        val failed = runCatching {
            emulator.client().use<Unit> {
                left = it
                error("in the middle")
            }
        }
        assertEquals("in the middle", failed.exceptionOrNull()?.message)
        org.junit.jupiter.api.assertThrows<AvatarException.Closed> { left!!.open(ada) }

        val cancelled = CompletableDeferred<AvatarClient>()
        val using = launch {
            emulator.client().use { client ->
                client.open(ada)
                cancelled.complete(client)
                awaitCancellation()
            }
        }
        val client = cancelled.await()
        using.cancelAndJoin()
        org.junit.jupiter.api.assertThrows<AvatarException.Closed> { client.open(ada) }
    }

    @Test
    fun `the version is that of the package and of the core`() {
        val pom = File("pom.xml").readText().substringAfter("<version>").substringBefore("</version>")
        assertEquals(pom, AvatarClient.VERSION)
        val core = File("../../../Cargo.toml").readText().substringAfter("[workspace.package]")
        assertEquals(core.substringAfter("version = \"").substringBefore('"'), AvatarClient.VERSION)
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
