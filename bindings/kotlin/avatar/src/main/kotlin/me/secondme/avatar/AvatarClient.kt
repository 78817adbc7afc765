package me.secondme.avatar

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import me.secondme.avatar.core.CoreClient
import kotlin.time.Duration

/**
 * A client for one API key, that is for one avatar.
 *
 * ```
 * AvatarClient(apiKey).use { client ->
 *     val chat = client.open(Visitor.forUser("feishu", "ou_abc", name = "张三"))
 *     println(chat.opening)
 *     println(chat.ask("Hello, tell me about yourself").text)
 * }
 * ```
 *
 * @param apiKey the avatar's API key; without it, `SECONDME_API_KEY`.
 */
public class AvatarClient(apiKey: String? = null, options: AvatarOptions.() -> Unit = {}) : AutoCloseable {
    private val held: Held<CoreClient>
    private val conversations = OpenConversations()

    @Volatile
    private var finalStats: Stats? = null

    init {
        val chosen = AvatarOptions().apply(options)
        val core = guarded { CoreClient(chosen.toCore(apiKey)) }
        held = Held(core, "the client is closed: make another one")
        chosen.onCall?.let { told ->
            val calls = core.calls()
            CoroutineScope(SupervisorJob() + Dispatchers.IO + CoroutineName("secondme-avatar-calls")).launch {
                calls.use { it.forEach(told) }
            }
        }
    }

    /**
     * Opens the conversation of this visitor. A visitor who has one already gets the same one, and whoever opens it at
     * the same time joins; one whose conversation was closed goes on with the same session.
     *
     * @param deadline the whole time for it, its retries and waits included; 30 s.
     */
    public suspend fun open(visitor: Visitor, deadline: Duration? = null): Conversation =
        Conversation(held.await { it.open(visitor.toCore(), deadline?.toMs(), null) }, conversations)

    /**
     * Takes up what earlier processes left behind in the [store][AvatarOptions.store]: opens the conversation of every
     * visitor to whom a durable message is still to be sent, and returns their ids. What is given up comes as an
     * [Event.Unsent], so subscribe to [events] first.
     */
    public suspend fun recover(): List<String> = held.await { it.recover(null) }

    /**
     * What happens in all conversations, also those that are opened later, from the moment of collecting on. To hear
     * from now on, or to go on after a collection, use [subscribe].
     */
    public val events: Flow<Event> = flow { subscribe().use { subscription -> subscription.events.collect(this) } }

    /** Subscribes to all conversations from now on. With [raw], events carry their frames. */
    public fun subscribe(raw: Boolean = false): Subscription = Subscription(held.call { it.events(raw) })

    /** Tells a listener what happens in all conversations, on this dispatcher, until what this returns is closed. */
    public fun listen(dispatcher: CoroutineDispatcher, listener: ConversationListener): AutoCloseable =
        subscribe().tell(listener, dispatcher)

    /** What has been counted so far. */
    public fun stats(): Stats = held.orElse({ finalStats ?: throw held.released() }) { it.stats().toStats() }

    /** Host and port of the proxy between this machine and the service; `null` if they are spoken to directly. */
    public val proxy: String? get() = held.call { it.proxy() }

    /**
     * Puts the client's clock forward, for tests: what lies on the way (heartbeats, deadlines, retries) is due at once,
     * and is begun when this returns.
     */
    public fun advanceClock(by: Duration): Unit = held.call { it.advanceClock(by.toMs()) }

    /**
     * Closes all conversations, each after sending what is still to be sent. What could not be sent in time is handed
     * back to whoever waits for it; a durable message stays in the store. Closing twice is no error.
     *
     * @param within the time for it; 5 s.
     */
    public suspend fun shutdown(within: Duration? = null): Unit = guarded {
        held.orElse({}) {
            offRust { it.shutdown(within?.toMs(), null) }
            finalStats = it.stats().toStats()
            held.release()
            conversations.releaseAll()
        }
    }

    /** [shutdown] for `use`. It blocks for as long as that takes: on a user interface's thread, call [shutdown]. */
    override fun close() {
        runBlocking { shutdown() }
    }

    override fun toString(): String = "AvatarClient(${stats().visitors} visitors)"
}
