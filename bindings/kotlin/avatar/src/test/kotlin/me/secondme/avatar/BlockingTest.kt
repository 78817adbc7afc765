package me.secondme.avatar

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.runInterruptible
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executor
import java.util.concurrent.Executors
import java.util.concurrent.atomic.AtomicInteger
import kotlin.coroutines.CoroutineContext

/** Code of the program that blocks holds up itself, and not the library. */
class BlockingTest {
    /** Run what they are given where they are given it, each in its own way. */
    @OptIn(ExperimentalCoroutinesApi::class)
    private val inline = run {
        val executor = Executor { it.run() }.asCoroutineDispatcher()
        val own =
            object : CoroutineDispatcher() {
                override fun dispatch(context: CoroutineContext, block: Runnable) = block.run()
            }
        listOf(executor, executor.limitedParallelism(1), own, Dispatchers.Unconfined)
    }

    @Test
    fun `no dispatcher brings the caller to the core's own thread`() = withClient { client, _ ->
        for (dispatcher in inline) {
            withContext(dispatcher) {
                val chat = client.open(ada)
                notOnTheCoresThread()
                // Blocked there, the core would never answer.
                assertEquals("You said: Hello", runBlocking { chat.ask("Hello") }.text)
                val events = chat.subscribe()
                val pieces = chat.stream("Hello")
                pieces.collect { notOnTheCoresThread() }
                events.await<Event.Reply>()
                notOnTheCoresThread()
                chat.close()
                notOnTheCoresThread()
            }
        }
    }

    private fun notOnTheCoresThread() {
        val thread = Thread.currentThread().name
        assertFalse("secondme-avatar" in thread, thread)
    }

    @Test
    fun `calls that begin one after the other reach the core in this order`() = withClient { client, _ ->
        val texts = (1..50).map { "$it" }
        for (dispatcher in inline) {
            val chat = client.open(Visitor.forUser("test", "$dispatcher"))
            withContext(dispatcher) { texts.map { async { chat.send(it) } }.awaitAll() }
            assertEquals(texts, chat.history(200).map { it.text }.filter { it in texts })
        }
    }

    @Test
    fun `what is closed in a coroutine that is cancelled is closed`() = withClient { client, _ ->
        for (dispatcher in inline) {
            val chat = client.open(ada)
            launch(dispatcher) {
                try {
                    awaitCancellation()
                } finally {
                    runCatching { chat.close() }
                }
            }.also { testScheduler.runCurrent() }.cancelAndJoin()
            eventually { chat.state == State.CLOSED }
        }
    }

    @Test
    fun `a listener whose executor takes nothing leaves no subscription behind`() = withClient { client, _ ->
        val executor = Executors.newSingleThreadExecutor().apply { shutdown() }
        val events = client.open(ada).subscribe()
        events.tell(object : ConversationListener {}, executor.asCoroutineDispatcher())
        assertNull(events.next())
    }

    @Test
    fun `tokens, reports and the log need no thread that the program may block`() {
        val logged = CompletableDeferred<Unit>()
        AvatarLog.filter = "secondme_avatar=debug"
        AvatarLog.handler = { logged.complete(Unit) }
        try {
            withEmulator("--user-token", "lba_at_ann=ann") { emulator ->
                val released = CountDownLatch(1)
                val threads = maxOf(64, Runtime.getRuntime().availableProcessors())
                val started = CountDownLatch(threads)
                val blocked = List(threads) {
                    launch(Dispatchers.IO) {
                        started.countDown()
                        released.await()
                    }
                }
                try {
                    testScheduler.runCurrent()
                    started.await()
                    val reported = CompletableDeferred<Unit>()
                    val options: ClientOptions.() -> Unit = {
                        baseUrl = emulator.labBaseUrl
                        onCall = { reported.complete(Unit) }
                    }
                    AvatarClient.visitorChat(emulator.apiKey, options) { "lba_at_ann" }.use { client ->
                        assertEquals("You said: Hello", client.open(ada).ask("Hello").text)
                        reported.await()
                        logged.await()
                    }
                } finally {
                    released.countDown()
                }
                blocked.joinAll()
            }
        } finally {
            AvatarLog.handler = null
        }
    }

    @Test
    fun `functions that block all their threads are cancelled with their client`() = withEmulator { emulator ->
        val started = AtomicInteger()
        val interrupted = AtomicInteger()
        val never = CountDownLatch(1)
        val client = AvatarClient.visitorChat(emulator.apiKey, { baseUrl = emulator.labBaseUrl }) {
            runInterruptible {
                started.incrementAndGet()
                try {
                    never.await()
                } catch (stopped: InterruptedException) {
                    interrupted.incrementAndGet()
                    throw stopped
                }
            }
            "never"
        }
        val opening = List(70) { async { runCatching { client.open(Visitor.forUser("test", "$it")) } } }
        try {
            testScheduler.runCurrent()
            eventually { started.get() >= 64 }
            client.close()
            eventually { interrupted.get() >= 64 }
            opening.awaitAll()
        } finally {
            never.countDown()
        }
    }
}
