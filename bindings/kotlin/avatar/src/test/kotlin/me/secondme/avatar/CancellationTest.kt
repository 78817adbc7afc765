package me.secondme.avatar

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancel
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

class CancellationTest {
    private val all = (1..1500).map { "$it" }

    @Test
    fun `1,500 waits that are cancelled lose none of 1,500 events`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val events = chat.subscribe()
        val heard = mutableListOf<String>()
        withContext(Dispatchers.Default) {
            for (text in all) {
                val wait = launch { (events.next() as? Event.Notice)?.let { heard += it.text } }
                emulator.push(chat, text)
                wait.cancelAndJoin()
            }
        }
        while (heard.size < all.size) heard += events.await<Event.Notice>().text
        assertEquals(all, heard)
    }

    @Test
    fun `waits whose time runs out lose none of 1,000 events`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val events = chat.subscribe()
        val heard = mutableListOf<String>()
        var late = 0
        withContext(Dispatchers.Default) {
            val pushing = launch { all.take(1000).forEach { emulator.push(chat, it) } }
            while (heard.size < 1000) {
                val time = if (pushing.isActive) 1.milliseconds else 10.seconds
                try {
                    heard += events.waitFor<Event.Notice>(timeout = time).text
                } catch (deadline: AvatarException.Deadline) {
                    check(time < 10.seconds) { "${1000 - heard.size} are lost" }
                    late += 1
                }
            }
        }
        assertEquals(all.take(1000), heard)
        assertTrue(late > 10, "only $late were too late")
    }

    @Test
    fun `an event that is taken is given though its time has run out`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val events = chat.subscribe()
        val sure = chat.subscribe()
        emulator.push(chat, "taken")
        sure.await<Event.Notice>()
        withContext(Dispatchers.Default) {
            val end = TimeSource.Monotonic.markNow() + 500.milliseconds
            val notice =
                events.waitFor<Event.Notice>(timeout = 500.milliseconds) {
                    eventually { end.hasPassedNow() }
                    true
                }
            assertEquals("taken", notice.text)
        }
    }

    @Test
    fun `collections that are cancelled lose none of 1,500 events`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val events = chat.subscribe()
        val heard = mutableListOf<String>()
        var cancelled = 0
        withContext(Dispatchers.Default) {
            val pushing = launch { all.forEach { emulator.push(chat, it) } }
            while (pushing.isActive) {
                val collecting = launch { events.events.collect { heard += (it as Event.Notice).text } }
                client.stats() // a moment for it to begin, whatever the machine
                collecting.cancelAndJoin()
                cancelled += 1
            }
        }
        while (heard.size < all.size) heard += events.await<Event.Notice>().text
        assertEquals(all, heard)
        assertTrue(cancelled > 100, "only $cancelled collections were cancelled")
    }

    @Test
    fun `a collection that cancels itself has taken no more than it heard`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val events = chat.subscribe()
        repeat(10) { emulator.push(chat, "$it") }
        val heard = mutableListOf<String>()
        while (heard.size < 10) {
            launch {
                events.events.collect {
                    heard += (it as Event.Notice).text
                    cancel()
                }
            }.join()
        }
        assertEquals((0..9).map { "$it" }, heard)
    }

    @Test
    fun `operators that take a few leave the rest`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val events = chat.subscribe()
        repeat(10) { emulator.push(chat, "$it") }
        val heard =
            events.events.take(3).toList() + events.events.first() + events.events.take(6).toList()
        assertEquals((0..9).map { "$it" }, heard.map { (it as Event.Notice).text })
    }

    @Test
    fun `an opening that is cancelled is given up`() = withClient { client, emulator ->
        emulator.post("faults", """{"at": "auth", "do": "hang-before"}""")
        val opening = launch { client.open(ada) }
        testScheduler.runCurrent()
        assertEquals(1, client.stats().visitors)
        opening.cancelAndJoin()
        eventually { client.stats().visitors == 0L }
        assertEquals(State.LIVE, client.open(ada).state)
    }

    @Test
    fun `a question that is cancelled before its turn is never sent`() = withClient { client, emulator ->
        val chat = client.open(ada)
        emulator.post("owner/takeover", """{"sessionId": "${chat.sessionId}"}""")
        val first = launch { chat.ask("the first") }
        val second = launch { chat.ask("never to be sent") }
        testScheduler.runCurrent()
        second.cancelAndJoin()
        first.cancelAndJoin()
        emulator.post("owner/handback", """{"sessionId": "${chat.sessionId}"}""")
        assertEquals("You said: the third", chat.ask("the third").text)
        assertFalse(emulator.get("state").contains("never to be sent"))
    }

    @Test
    fun `a question that is cancelled in the moment of asking does not go out`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val events = chat.subscribe()
        emulator.post("owner/takeover", """{"sessionId": "${chat.sessionId}"}""")
        val first = launch { assertEquals("An answer", chat.ask("the first").text) }
        val second = launch { chat.ask("never to be sent") }
        val third = launch { chat.stream("nor this").collect {} }
        testScheduler.runCurrent()
        eventually { emulator.get("state").contains("the first") }
        second.cancel()
        third.cancel()
        // Their turn comes while this thread stands still: they must be given up already.
        emulator.post("owner/reply", """{"sessionId": "${chat.sessionId}", "text": "An answer"}""")
        runBlocking(Dispatchers.Default) { events.await<Event.OwnerReply>() }
        first.join()
        second.join()
        third.join()
        emulator.post("owner/handback", """{"sessionId": "${chat.sessionId}"}""")
        assertEquals("You said: the last", chat.ask("the last").text)
        val state = emulator.get("state")
        assertFalse(state.contains("never to be sent") || state.contains("nor this"), state)
    }

    @Test
    fun `a stream that is left early leaves the next one in order`() = withClient { client, _ ->
        val chat = client.open(ada)
        assertTrue("You said: one two three".startsWith(chat.stream("one two three").first().text))
        assertEquals("You said: four", chat.stream("four").toList().joinToString("") { it.text })
    }

    @Test
    fun `a stream that is stopped gives what has come and holds nothing back`() = withClient { client, emulator ->
        val chat = client.open(ada)
        emulator.post("settings", """{"piece-delay": "1ms"}""")
        val stream = chat.stream("a very long story")
        val said = StringBuilder()
        stream.collect {
            said.append(it.text)
            stream.stop()
        }
        assertTrue("You said: a very long story".startsWith(said))
        stream.stop()
        assertEquals("You said: a short one", chat.ask("a short one").text)

        val never = chat.stream("never to be sent")
        never.stop()
        assertEquals(emptyList<Piece>(), never.toList())
        assertTrue(chat.history().none { it.text == "never to be sent" })
    }

    @Test
    fun `closing a subscription ends the waits on it`() = withClient { client, _ ->
        val chat = client.open(ada)
        val events = chat.subscribe()
        var next: Event? = Event.Unknown(Event.Origin(me.secondme.avatar.core.CoreOrigin(null, "", null, null), null))
        val wait = launch { next = events.next() }
        testScheduler.runCurrent()
        events.close()
        wait.join()
        assertNull(next)
        assertNull(events.next())
        assertEquals(emptyList<Event>(), events.events.toList())
    }

    @Test
    fun `a cancelled call throws what coroutines throw`() = withClient { client, emulator ->
        val chat = client.open(ada)
        emulator.post("owner/takeover", """{"sessionId": "${chat.sessionId}"}""")
        var thrown: Throwable? = null
        val asking =
            launch {
                try {
                    chat.ask("anybody?")
                } catch (why: Throwable) {
                    thrown = why
                    throw why
                }
            }
        testScheduler.runCurrent()
        asking.cancelAndJoin()
        assertTrue(thrown is CancellationException)
    }
}
