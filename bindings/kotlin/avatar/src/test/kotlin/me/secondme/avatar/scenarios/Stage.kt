package me.secondme.avatar.scenarios

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.AvatarException
import me.secondme.avatar.ClientOptions
import me.secondme.avatar.Conversation
import me.secondme.avatar.Credentials
import me.secondme.avatar.CredentialsRequest
import me.secondme.avatar.Delivery
import me.secondme.avatar.Event
import me.secondme.avatar.Visitor
import me.secondme.avatar.testing.AvatarEmulator
import java.util.Collections
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicReference
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/** What a scenario is played on: an emulator, a client, and all that was heard. */
internal class Stage(scenario: Map<*, *>) {
    private val emulator = AvatarEmulator.start()
    private val options = scenario["client"] as Map<*, *>? ?: emptyMap<String, Any?>()
    private val client = client(scenario["door"] ?: "avatar-open-api")
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)

    /** All events, each with the visitor and the session it belongs to. */
    private val heard = Collections.synchronizedList(mutableListOf<Heard>())
    private val listening: Job
    private val chats = mutableMapOf<String, Conversation>()

    /** How far the events of a conversation have been looked at. */
    private val read = mutableMapOf<String, Int>()
    private val later = mutableMapOf<String, Deferred<Outcome>>()

    private class Heard(val visitor: String, var session: String?, val event: Map<String, Any?>)

    private class Outcome(val isGood: Boolean, val value: Any?, val chat: Conversation? = null)

    init {
        val subscription = client.subscribe(raw = true)
        listening =
            scope.launch {
                subscription.events.collect { listen(it) }
            }
        scenario.keys.forEach { check(it in PARTS) { "a scenario has no part `$it`; there are $PARTS" } }
        scenario["emulator"]?.let { post("settings", it) }
        scenario["faults"]?.let { post("faults", it) }
    }

    /** A client of the emulator, at the door that the scenario names. */
    private fun client(door: Any): AvatarClient {
        val key = options["key"] as String? ?: emulator.apiKey
        fun options(base: String): ClientOptions.() -> Unit = {
            baseUrl = base
            this@Stage.options.forEach { (name, value) -> set(name as String, value) }
        }
        val tokens = options["user_tokens"] as List<*>?
        return when {
            door == "avatar-open-api" && this@Stage.options["credentials"] != null -> {
                val words = this@Stage.options["credentials"] as List<*>
                AvatarClient.withCredentials(options(emulator.baseUrl), given(words.iterator()))
            }
            door == "avatar-open-api" -> AvatarClient(key, options(emulator.baseUrl))
            door != "visitor-chat" -> error("there is no door `$door`")
            tokens != null -> {
                // The first, and after each refusal the next, as long as there is one.
                val refusals = AtomicInteger()
                AvatarClient.visitorChat(key, options(emulator.labBaseUrl)) { request ->
                    val at = if (request.refused) refusals.incrementAndGet() else refusals.get()
                    tokens[minOf(at, tokens.lastIndex)] as String
                }
            }
            else -> {
                val secret = options["client_secret"] as String? ?: emulator.clientSecret
                AvatarClient.visitorChat(emulator.clientId, secret, key, options(emulator.labBaseUrl))
            }
        }
    }

    /** A caller's credentials, as its words say, one after the other. */
    private fun given(words: Iterator<*>): suspend (CredentialsRequest) -> Credentials {
        val keys = mapOf("authenticated" to emulator.apiKey, "unknown_key" to "sk-unknown")
        val last = AtomicReference<Credentials>()
        return { request ->
            when (val word = if (words.hasNext()) words.next() else "throws") {
                "same" -> last.get()
                "throws" -> error("no user is signed in")
                else ->
                    AvatarClient(checkNotNull(keys[word])) { baseUrl = emulator.baseUrl }.use { server ->
                        server.authenticate(Visitor.parse(request.visitorId)).also(last::set)
                    }
            }
        }
    }

    private fun listen(event: Event) = synchronized(heard) {
        if (event is Event.SessionReplaced) {
            // The conversation goes on in another session, and what was heard in the old one is its own.
            heard.filter { it.session == event.from }.forEach { it.session = event.to }
        }
        heard.add(Heard(event.visitorId, event.sessionId, event.written()))
    }

    /** Plays one step: one verb, and what it is about. */
    suspend fun play(step: Map<*, *>) {
        val (verb, plain) = step.entries.single()
        val about = substitute(plain)
        if (verb !in FREE && about is Map<*, *>) {
            about.keys.forEach { check(it in WORDS) { "`$verb` knows no `$it`; there are $WORDS" } }
        }
        when (verb) {
            "seconds" -> repeat((about as Number).toInt()) { second() }
            "call" -> (about as Map<*, *>).forEach { (call, body) -> post(call as String, body) }
            "service" -> until { parseJson(emulator.get("state")).let { if (matches(about, it)) null else toJson(it) } }
            "journal" ->
                until {
                    val entries = (parseJson(emulator.get("journal")) as Map<*, *>)["entries"] as List<*>
                    inOrder(about as List<*>, entries).exceptionOrNull()?.message
                }
            "expect" -> expect(about as Map<*, *>)
            "heard" -> heard(about as Map<*, *>)
            "never" -> {
                val unwanted = (about as Map<*, *>)["events"] as List<*>
                val met = eventsOf(name(about)).firstOrNull { event -> unwanted.any { matches(it, event) } }
                check(met == null) { "there was ${toJson(met)}" }
            }
            "state" -> {
                val chat = chat(name(about))
                val wanted = (about as Map<*, *>)["is"]
                until { chat.state.written().let { if (it == wanted) null else "it is $it" } }
            }
            "await" -> {
                val name = name(about)
                settle(
                    name,
                    checkNotNull(later.remove(name)) {
                        "nothing goes by the name `$name`"
                    },
                    about as Map<*, *>,
                )
            }
            else -> {
                val words = about as? Map<*, *> ?: mapOf("in" to about)
                val outcome = begin(verb as String, words)
                val laterName = words["later"] as String?
                if (laterName != null) {
                    later[laterName] = outcome
                } else {
                    settle(words["as"] as String? ?: words["in"] as String? ?: "", outcome, words)
                }
            }
        }
    }

    /** Ends the scenario: whatever still waits must come to an end by closing. */
    suspend fun clear() {
        try {
            withTimeout(PATIENCE) {
                client.close()
                // What it came to does not matter; that it came to an end does.
                later.values.forEach { it.await() }
                listening.join()
            }
        } finally {
            emulator.close()
        }
    }

    /** What was heard, to show why a scenario failed. */
    fun log(): String = synchronized(heard) {
        heard.joinToString("\n", "what was heard:\n") { "  ${it.visitor.take(12)} ${toJson(it.event)}" }
    }

    /** Does what a program would do with the library. */
    private fun begin(verb: String, about: Map<*, *>): Deferred<Outcome> {
        if (verb in KEEPING) return attempt { Outcome(true, keep(verb, about)) }
        val name = name(about)
        if (verb == "open") {
            return attempt { client.open(visitor(name, about)).let { Outcome(true, it.written(), it) } }
        }
        val chat = chat(name)
        val text = about["text"] as String? ?: ""
        val count = (about["count"] as Number?)?.toInt() ?: 50
        val collect = (about["collect"] as Number?)?.toInt()?.seconds
        val messageId = about["message_id"] as String?
        return attempt {
            when (verb) {
                "ask" -> Outcome(true, chat.ask(text, collect = collect, messageId = messageId).written())
                "stream" -> {
                    val all = StringBuilder()
                    chat.stream(text, collect = collect, messageId = messageId).collect { all.append(it.text) }
                    Outcome(true, mapOf("text" to all.toString()))
                }
                "send" -> Outcome(true, chat.send(text, messageId = messageId).written())
                "history" -> Outcome(true, chat.history(count).written())
                "new_session" -> chat.newSession().let { Outcome(true, it.written(), it) }
                "close" -> Outcome(true, chat.close().let { emptyMap<String, Any?>() })
                "end" -> Outcome(true, chat.end().let { emptyMap<String, Any?>() })
                "pause" -> Outcome(true, chat.pause().let { emptyMap<String, Any?>() })
                "resume" -> Outcome(true, chat.resume().let { emptyMap<String, Any?>() })
                "network_changed" -> Outcome(true, chat.networkChanged().let { emptyMap<String, Any?>() })
                else -> error("there is no step `$verb`")
            }
        }
    }

    /** What a program does with the client beside its conversations: notes, and calls of its own. */
    private suspend fun keep(verb: String, about: Map<*, *>): Map<String, Any?> {
        val visitor = (about["in"] as String?)?.let { visitor(it, about) }
        if (verb == "request") {
            val path = (about["path"] as? List<*>)?.joinToString("") ?: about["path"] as String
            val body = about["body"]?.let(::toJson)
            val data = client.request(about["method"] as String, path, body, visitor)
            return mapOf("data" to parseJson(data))
        }
        if (visitor == null) {
            val notes = client.notes(about["prefix"] as String)
            return mapOf(
                "notes" to notes.map { mapOf("visitor_id" to it.visitor.id, "key" to it.key, "text" to it.text) },
            )
        }
        val key = about["key"] as String
        val text = about["text"] as String? ?: ""
        val lifetime = (about["lifetime"] as Number?)?.toInt()?.seconds
        return when (verb) {
            "set_note" -> client.setNote(visitor, key, text, lifetime).let { emptyMap() }
            "add_note" -> mapOf("done" to client.addNote(visitor, key, text, lifetime))
            "delete_note" -> mapOf("done" to client.deleteNote(visitor, key))
            else -> mapOf("text" to client.note(visitor, key))
        }
    }

    /** Begun in the order of the steps, whatever thread goes on with it. */
    private fun attempt(action: suspend () -> Outcome): Deferred<Outcome> =
        scope.async(start = CoroutineStart.UNDISPATCHED) {
            try {
                action()
            } catch (failed: AvatarException) {
                Outcome(false, failed.written())
            }
        }

    /** Waits for a result, and holds it against what the scenario says. */
    private suspend fun settle(name: String, task: Deferred<Outcome>, about: Map<*, *>) {
        val outcome = withTimeout(PATIENCE) { task.await() }
        outcome.chat?.let { chats[name] = it }
        val pattern = if (outcome.isGood) about["gives"] else about["fails"]
        val isWanted = outcome.isGood == (about["fails"] == null)
        check(isWanted && (pattern == null || matches(pattern, outcome.value))) {
            "it came to ${toJson(outcome.value)}"
        }
    }

    /** These events, in this order; others may stand between. Those before were expected already. */
    private suspend fun expect(about: Map<*, *>) {
        val name = name(about)
        val from = read[name] ?: 0
        until {
            inOrder(about["events"] as List<*>, eventsOf(name).drop(from))
                .onSuccess { read[name] = from + it }
                .exceptionOrNull()?.message
        }
    }

    /** These whole replies, all there were from the beginning on, and no other. */
    private suspend fun heard(about: Map<*, *>) {
        until {
            val said =
                eventsOf(name(about))
                    .filter { it["type"] == "reply" || it["type"] == "owner_reply" }
                    .map { mapOf("author" to it["author"], "text" to it["text"]) }
            if (matches(about["replies"], said)) null else "it was ${toJson(said)}"
        }
    }

    /** Both clocks go on: the client's first, so that its pings are on their way when the emulator looks for them. */
    private fun second() {
        client.advanceClock(1.seconds)
        post("clock", mapOf("advance_ms" to 1000))
    }

    /** Looks again until nothing is wrong any more. */
    private suspend fun until(wrong: () -> String?) {
        val end = TimeSource.Monotonic.markNow() + PATIENCE
        while (true) {
            val why = withContext(Dispatchers.IO) { wrong() } ?: return
            check(end.hasNotPassedNow()) { why }
            delay(LOOK)
        }
    }

    /** The events of a conversation: those of its session, and those of its visitor that name none. */
    private fun eventsOf(name: String): List<Map<String, Any?>> {
        val chat = chats[name]
        val visitor = chat?.visitorId ?: visitor(name.substringBefore('/'), emptyMap<String, Any?>()).id
        val session = chat?.sessionId
        return synchronized(heard) {
            heard
                .filter { it.visitor == visitor && (it.session == null || session == null || it.session == session) }
                .map { it.event }
        }
    }

    private fun chat(name: String) = checkNotNull(chats[name]) { "no conversation goes by the name `$name`" }

    /** `$ada.session` and `$ada.visitor` stand for the ids of the conversation `ada`. */
    private fun substitute(value: Any?): Any? = when {
        value is String && value.startsWith("$") && value.endsWith(".session") ->
            checkNotNull(chat(value.drop(1).removeSuffix(".session")).sessionId) { "there is no session yet" }
        value is String && value.startsWith("$") && value.endsWith(".visitor") ->
            visitor(value.drop(1).removeSuffix(".visitor"), emptyMap<String, Any?>()).id
        value is List<*> -> value.map(::substitute)
        value is Map<*, *> -> value.mapValues { substitute(it.value) }
        else -> value
    }

    private fun post(call: String, body: Any?) = emulator.post(call, toJson(body))

    private companion object {
        /** How long anything may take in real time. */
        val PATIENCE = 10.seconds

        /** How often something is looked at that gives no sign of its own. */
        val LOOK = 2.milliseconds

        /** What may stand in a step, so that a slip of the pen does not pass for a check that was met. */
        val WORDS =
            setOf(
                "in", "as", "text", "collect", "count", "name", "visitor_id", "later", "gives", "fails", "events",
                "replies", "is", "key", "prefix", "lifetime", "message_id", "method", "path", "body",
            )

        /** What needs no conversation. */
        val KEEPING = setOf("set_note", "add_note", "note", "delete_note", "notes", "request")

        /** The parts of a scenario. */
        val PARTS = setOf("about", "door", "emulator", "faults", "client", "steps")

        /** Whose words are the emulator's. */
        val FREE = setOf("call", "service")

        fun name(about: Any?): String = checkNotNull(about as? String ?: (about as? Map<*, *>)?.get("in") as? String) {
            "it does not say in which conversation: `in`"
        }

        /** The visitor of a conversation's name; or the one whose id the scenario gives. */
        fun visitor(name: String, about: Map<*, *>): Visitor {
            val shown = about["name"] as String?
            val channel = shown?.let { "scenario" }
            return when (val id = about["visitor_id"] as String?) {
                null -> Visitor.forUser("scenario", name, shown, channel)
                else -> Visitor.parse(id, shown, channel)
            }
        }

        fun ClientOptions.set(option: String, value: Any?) {
            fun duration(): Duration = (value as Number).toDouble().seconds
            when (option) {
                "key", "client_secret", "user_tokens", "credentials" -> {}
                "acknowledge" -> acknowledge = value as Boolean
                "ping_unnamed" -> pingUnnamed = value as Boolean
                "delivery" -> delivery = Delivery.valueOf((value as String).uppercase())
                "origin" -> origin = value as String
                "quota" -> quota = (value as Number).toInt()
                "heartbeat" -> heartbeat = duration()
                "reply_idle" -> replyIdle = duration()
                "open_deadline" -> openDeadline = duration()
                "send_deadline" -> sendDeadline = duration()
                "ask_deadline" -> askDeadline = duration()
                "first_piece_deadline" -> firstPieceDeadline = duration()
                "owner_deadline" -> ownerDeadline = duration()
                else -> error("there is no client option `$option`")
            }
        }
    }
}
