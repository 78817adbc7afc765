package me.secondme.avatar

import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.FlowCollector
import me.secondme.avatar.core.CoreErrorKind
import me.secondme.avatar.core.CoreEvents

/**
 * A subscription to events, from the moment it is made until it is [finished][finish] or [closed][close], or its
 * conversation or client is.
 *
 * Its queue is bounded, and nothing in it is dropped: when it is full, the socket is read no further until there is
 * room again. So read a subscription, or close it. A cancelled collection or [next] loses nothing: the next one
 * continues there.
 */
public class Subscription internal constructor(core: CoreEvents, dependents: Dependents) : AutoCloseable {
    private val core = Held(core, "the subscription is closed")
    private val lock = Any()
    private var batch = emptyList<Event>()
    private var taken = 0

    // Held weakly there, so held here.
    private val dependent = Dependent { release() }

    init {
        dependents.add(dependent)
    }

    /**
     * All that comes from now on. What one collection has taken, another one does not get.
     *
     * A flow by hand: the emissions of the `flow` builder look for a cancellation, and would lose what was just taken.
     */
    public val events: Flow<Event> =
        object : Flow<Event> {
            override suspend fun collect(collector: FlowCollector<Event>) {
                while (true) {
                    collector.emit(next() ?: break)
                }
            }
        }

    /** The next event; `null` when there will be no more. */
    public suspend fun next(): Event? {
        // Looked for before anything is taken: from there to the caller there is nothing that could be cancelled.
        currentCoroutineContext().ensureActive()
        while (true) {
            take()?.let { return it }
            // It carries nothing, so a wait that is cancelled loses nothing.
            if (!core.orElse({ false }) { offRust { it.ready(null) } }) return take()
        }
    }

    /**
     * The next event of this type for which [where] returns `true`; events before it are skipped.
     *
     * ```
     * val events = chat.subscribe()
     * chat.send("Is anybody there?")
     * val reply = events.waitFor<Event.OwnerReply>().reply
     * ```
     *
     * @throws AvatarException.Closed if the subscription ends before it comes.
     */
    public suspend inline fun <reified E : Event> waitFor(where: (E) -> Boolean = { true }): E {
        while (true) {
            val event = next() ?: throw ended(E::class.java.simpleName)
            if (event is E && where(event)) return event
        }
    }

    /** Ends the subscription and keeps what has come: it can still be taken, and then there is no more. */
    public fun finish(): Unit = core.orElse({}) { it.finish() }

    /** Ends the subscription now, and drops what has come; a [next] that waits gets `null`. */
    override fun close() {
        synchronized(lock) {
            batch = emptyList()
            taken = 0
            core.orElse({}) { it.end() }
            core.release()
        }
    }

    @PublishedApi
    internal fun ended(what: String): AvatarException =
        failure(CoreErrorKind.CLOSED, "the subscription ended before an event of the kind $what came")

    /** Its client is closed, so nothing more will come: what has come is held here, and the native code let go of. */
    private fun release() {
        synchronized(lock) {
            val rest = batch.drop(taken).toMutableList()
            do {
                val more = core.orElse({ emptyList() }) { it.drain(BATCH).toEvents() }
                rest += more
            } while (more.isNotEmpty())
            batch = rest
            taken = 0
            core.release()
        }
    }

    /** The next one of those that have come. It never waits: no cancellation falls between taking and handing on. */
    private fun take(): Event? = synchronized(lock) {
        if (taken == batch.size) {
            batch = core.orElse({ emptyList() }) { it.drain(BATCH).toEvents() }
            taken = 0
        }
        if (taken < batch.size) batch[taken++] else null
    }

    private companion object {
        const val BATCH = 256u
    }
}
