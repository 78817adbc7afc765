package me.secondme.avatar

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.concurrent.Executors
import kotlin.time.Duration.Companion.seconds

class ConversationTest {
    @Test
    fun `a question is answered`() = withClient { client, _ ->
        val chat = client.open(Visitor.forUser("feishu", "ou_abc", name = "张三"))
        assertEquals("Hello! 👋", chat.opening)
        assertEquals("My Assistant", chat.avatarName)
        assertEquals(State.LIVE, chat.state)
        val reply = chat.ask("Who are you?")
        assertEquals("You said: Who are you?", reply.text)
        assertEquals(Author.AVATAR, reply.author)
        assertEquals(Ended.MARK, reply.ended)
    }

    @Test
    fun `a reply comes in pieces`() = withClient { client, _ ->
        val chat = client.open(ada)
        val stream = chat.stream("one two three")
        assertNull(stream.reply)
        val pieces = stream.toList()
        assertEquals("You said: one two three", pieces.joinToString("") { it.text })
        assertTrue(pieces.all { it.author == Author.AVATAR })
        assertEquals("You said: one two three", stream.reply?.text)
        org.junit.jupiter.api.assertThrows<AvatarException.Misuse> { stream.toList() }
    }

    @Test
    fun `the owner who cuts in is heard in person`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val events = chat.subscribe()
        emulator.post("owner/reply", """{"sessionId": "${chat.sessionId}", "text": "It is me"}""")
        assertEquals("It is me", events.await<Event.OwnerReply>().reply.text)
    }

    @Test
    fun `questions at the same time are answered in order`() = withClient { client, _ ->
        val chat = client.open(ada)
        val replies = (1..5).map { async { chat.ask("number $it").text } }.awaitAll()
        assertEquals((1..5).map { "You said: number $it" }, replies)
    }

    @Test
    fun `a message is taken, echoed, and found in the past`() = withClient { client, _ ->
        val chat = client.open(ada)
        val events = chat.subscribe()
        val sent = chat.send("Hello")
        assertEquals(sent.messageId, events.await<Event.Delivered>().messageId)
        val reply = events.await<Event.Reply>().reply
        assertEquals(sent.messageId, reply.inReplyTo)
        val past = chat.history(10)
        assertEquals(listOf("Hello", "You said: Hello"), past.takeLast(2).map { it.text })
        assertEquals(listOf(Author.VISITOR, Author.AVATAR), past.takeLast(2).map { it.author })
        assertTrue(chat.history(10, before = past.first().seqId).none { it.id == past.first().id })
    }

    @Test
    fun `a collection hears from its start on`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val first = async { chat.events.first { it is Event.Notice } as Event.Notice }
        testScheduler.runCurrent()
        emulator.push(chat, "look here")
        assertEquals("look here", first.await().text)
        assertEquals(NoticeKind.HINT, first.await().kind)
    }

    @Test
    fun `events say whose they are, and carry their frames on request`() = withClient { client, emulator ->
        val all = client.subscribe(raw = true)
        val chat = client.open(ada)
        emulator.push(chat, "look here")
        val event = all.await<Event.Notice>()
        assertEquals(ada.id, event.visitorId)
        assertEquals(chat.sessionId, event.sessionId)
        assertEquals(chat.key, event.conversation)
        assertTrue(event.raw!!.contains("look here"))
        chat.subscribe().use {
            emulator.push(chat, "and here")
            assertNull(it.await<Event.Notice>().raw)
        }
    }

    @Test
    fun `a listener is told in order, on the dispatcher it was given`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val heard = mutableListOf<String>()
        val closed = CompletableDeferred<CloseReason>()
        Executors.newSingleThreadExecutor { Thread(it, "of the caller's") }.asCoroutineDispatcher().use { dispatcher ->
            chat.listen(
                dispatcher,
                object : ConversationListener {
                    override fun onEvent(event: Event) {
                        assertTrue(Thread.currentThread().name.startsWith("of the caller's"))
                        if (event is Event.Notice) heard += event.text
                    }

                    override fun onClosed(event: Event.Closed) {
                        closed.complete(event.reason)
                    }
                },
            )
            repeat(20) { emulator.push(chat, "$it") }
            chat.subscribe().use { events ->
                emulator.push(chat, "the last")
                while (events.await<Event.Notice>().text != "the last") continue
            }
            chat.close()
            assertEquals(CloseReason.Requested, closed.await())
            assertEquals((0..19).map { "$it" } + "the last", heard)
        }
    }

    @Test
    fun `a listener that is closed hears no more`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val heard = CompletableDeferred<String>()
        Executors.newSingleThreadExecutor().asCoroutineDispatcher().use { dispatcher ->
            val listening =
                chat.listen(
                    dispatcher,
                    object : ConversationListener {
                        override fun onEvent(event: Event) {
                            heard.complete((event as Event.Notice).text)
                        }
                    },
                )
            listening.close()
            chat.subscribe().use { events ->
                emulator.push(chat, "too late")
                events.await<Event.Notice>()
            }
        }
        assertFalse(heard.isCompleted)
    }

    @Test
    fun `what a listener throws is reported, and the next events come all the same`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val heard = mutableListOf<String>()
        val kinds = mutableListOf<String>()
        val uncaught = CompletableDeferred<Throwable>()
        val closed = CompletableDeferred<Unit>()
        val thread = { work: Runnable ->
            Thread(work).apply { setUncaughtExceptionHandler { _, failed -> uncaught.complete(failed) } }
        }
        Executors.newSingleThreadExecutor(thread).asCoroutineDispatcher().use { dispatcher ->
            chat.listen(
                dispatcher,
                object : ConversationListener {
                    override fun onEvent(event: Event) {
                        heard += event.javaClass.simpleName
                        error("of $event")
                    }

                    override fun onOwnerReply(event: Event.OwnerReply) {
                        heard += event.reply.text
                        throw AssertionError(event.reply.text)
                    }

                    override fun onThrown(event: Event, thrown: Throwable) {
                        kinds += thrown.javaClass.simpleName
                        super.onThrown(event, thrown)
                    }

                    override fun onClosed(event: Event.Closed) {
                        closed.complete(Unit)
                    }
                },
            )
            emulator.post("owner/reply", """{"sessionId": "${chat.sessionId}", "text": "It is me"}""")
            eventually { chat.takenOver }
            chat.close()
            closed.await()
            assertEquals("IllegalStateException", uncaught.await().javaClass.simpleName)
            val reply = heard.indexOf("It is me")
            assertEquals(listOf("OwnerReply", "It is me"), heard.subList(reply - 1, reply + 1))
            assertTrue(kinds.contains("AssertionError"), "$kinds")
        }
    }

    @Test
    fun `one event is waited for, and what comes before it is passed over`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val third = async { chat.waitFor<Event.Notice> { it.text == "3" } }
        testScheduler.runCurrent()
        repeat(5) { emulator.push(chat, "$it") }
        assertEquals("3", third.await().text)

        val owner = async { client.waitFor<Event> { it.reply != null } }
        val never = async { runCatching { chat.waitFor<Event.Unattributed>() }.exceptionOrNull() }
        testScheduler.runCurrent()
        emulator.post("owner/reply", """{"sessionId": "${chat.sessionId}", "text": "It is me"}""")
        assertEquals(Author.OWNER, owner.await().reply?.author)
        chat.close()
        assertTrue(never.await() is AvatarException.Closed, "${never.await()}")
    }

    @Test
    fun `a subscription that is finished still gives what has come`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val events = chat.subscribe()
        chat.subscribe().use { other ->
            repeat(3) { emulator.push(chat, "$it") }
            other.waitFor<Event.Notice> { it.text == "2" }
            events.finish()
            emulator.push(chat, "too late")
            other.waitFor<Event.Notice> { it.text == "too late" }
        }
        val rest = events.events.toList()
        assertEquals(listOf("0", "1", "2"), rest.map { (it as Event.Notice).text })
        assertNull(events.next())
    }

    @Test
    fun `the owner takes over and gives back, and a reply says whether a call receives it too`() =
        withClient { client, emulator ->
            val chat = client.open(ada)
            val events = chat.subscribe()
            assertEquals("You said: one", chat.ask("one").text)
            assertTrue(events.await<Event.Reply>().reply.asked)
            assertFalse(chat.takenOver)
            emulator.post("owner/reply", """{"sessionId": "${chat.sessionId}", "text": "It is me"}""")
            events.await<Event.TakenOver>()
            assertTrue(chat.takenOver)
            assertFalse(events.await<Event.OwnerReply>().reply.asked)
            emulator.post("owner/handback", """{"sessionId": "${chat.sessionId}"}""")
            chat.send("two")
            events.await<Event.HandedBack>()
            assertFalse(events.waitFor<Event> { it.reply != null }.reply!!.asked)
            assertFalse(chat.takenOver)
        }

    @Test
    fun `another session runs on the same socket`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val second = chat.newSession()
        assertNotEquals(chat.sessionId, second.sessionId)
        assertEquals(1, second.key)
        assertEquals("You said: two", second.ask("two").text)
        assertEquals(1, client.stats().connected)
        assertTrue(emulator.get("state").contains(second.sessionId!!))
    }

    @Test
    fun `a paused conversation hears afterwards what was said`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val events = chat.subscribe()
        chat.pause()
        assertEquals(State.PAUSED, chat.state)
        emulator.post("owner/reply", """{"sessionId": "${chat.sessionId}", "text": "Where are you?"}""")
        chat.resume()
        assertEquals("Where are you?", events.await<Event.OwnerReply>().reply.text)
        assertEquals(1, (events.await<Event.Reconnected>().gap as Gap.Filled).frames)
    }

    @Test
    fun `another network is another socket at once`() = withClient { client, _ ->
        val chat = client.open(ada)
        val events = chat.subscribe()
        chat.networkChanged()
        events.await<Event.Disconnected>()
        events.await<Event.Reconnected>()
        assertEquals("You said: still there", chat.ask("still there").text)
    }

    @Test
    fun `who comes back goes on in the same session, unless it was ended`() = withClient { client, _ ->
        val chat = client.open(ada)
        val session = chat.sessionId
        chat.close()
        chat.close()
        assertEquals(State.CLOSED, chat.state)
        assertEquals(session, chat.sessionId)
        assertEquals("closed", org.junit.jupiter.api.assertThrows<AvatarException.Closed> { chat.ask("?") }.kind)

        val again = client.open(ada)
        assertEquals(session, again.sessionId)
        again.end()
        assertNotEquals(session, client.open(ada).sessionId)
    }

    @Test
    fun `an hour of silence passes in a moment`() = withClient { client, emulator ->
        val chat = client.open(ada)
        val pinged = client.stats().pings
        repeat(240) {
            client.advanceClock(15.seconds)
            emulator.post("clock", """{"advance_ms": 15000}""")
        }
        assertEquals("You said: still there", chat.ask("still there").text)
        assertTrue(client.stats().pings > pinged)
        assertNotNull(chat.sessionId)
    }
}
