package me.secondme.avatar

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.FlowCollector
import kotlinx.coroutines.withTimeoutOrNull
import me.secondme.avatar.core.CoreErrorKind
import me.secondme.avatar.core.CoreEvents
import kotlin.time.Duration
import kotlin.time.TimeSource

/**
 * A subscription to events, from the moment it is made until it is [finished][finish] or [closed][close], or its
 * conversation or client is.
 *
 * Its queue is bounded, and nothing in it is dropped: when it is full, the socket is read no further until there is
 * room again. So read a subscription, or close it. A cancelled collection or [next] loses nothing: the next one
 * continues there. For a time limit use the argument `timeout`: `withTimeout` may end in the moment in which its block
 * has taken an event, and drops what the block gives then.
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
            if (!isReady()) return take()
        }
    }

    /**
     * The same, with a time limit. An event that is taken in the last moment is given all the same.
     *
     * @throws AvatarException.Deadline if nothing comes in this time. What comes later is the next one.
     */
    public suspend fun next(timeout: Duration): Event? {
        var event: Event? = null
        var isOver = false
        try {
            withTimeoutOrNull(timeout) {
                event = next()
                isOver = true
            }
        } catch (cancelled: CancellationException) {
            if (event == null) throw cancelled
        }
        if (!isOver) throw failure(CoreErrorKind.DEADLINE, "no event came within $timeout")
        return event
    }

    /**
     * The next event of this type for which [where] returns `true`; events before it are skipped.
     *
     * ```
     * val events = chat.subscribe()
     * chat.send("Is anybody there?")
     * val reply = events.waitFor<Event.OwnerReply>(timeout = 1.minutes).reply
     * ```
     *
     * @param timeout default: none.
     * @throws AvatarException.Deadline if it does not come in this time.
     * @throws AvatarException.Closed if the subscription ends before it comes.
     */
    public suspend inline fun <reified E : Event> waitFor(
        timeout: Duration? = null,
        where: (E) -> Boolean = { true },
    ): E {
        val end = timeout?.let { TimeSource.Monotonic.markNow() + it }
        while (true) {
            val event =
                (if (end == null) next() else next(-end.elapsedNow())) ?: throw ended(E::class.java.simpleName)
            if (event is E && where(event)) return event
        }
    }

    /**
     * For Java, whose futures can end at any moment: the next event for which [where] returns `true`, if [claim] then does
     * so too; events before it are skipped. Where [claim] does not, it stays here, and this returns `null`.
     */
    @JvmName("takeIf")
    internal suspend fun takeIf(where: (Event) -> Boolean, claim: () -> Boolean): Event? {
        while (true) {
            currentCoroutineContext().ensureActive()
            val event = first()
            if (event == null) {
                if (!isReady() && first() == null) return null
            } else if (!where(event)) {
                take(event) { true }
            } else {
                // `null`: another wait has taken it meanwhile.
                val isTaken = take(event, claim) ?: continue
                return if (isTaken) event else null
            }
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

    /** Waits until something may have come. It carries nothing, so a wait that is cancelled loses nothing. */
    private suspend fun isReady() = core.orElse({ false }) { offRust { it.ready(null) } }

    /** The next one of those that have come. It never waits: no cancellation falls between taking and handing on. */
    private fun take(): Event? = synchronized(lock) { first()?.also { taken++ } }

    /** Takes this event if it is still the next one (else `null`), and if [claim] returns `true`. */
    private fun take(event: Event, claim: () -> Boolean): Boolean? = synchronized(lock) {
        if (batch.getOrNull(taken) !== event) null else claim().also { if (it) taken++ }
    }

    private fun first(): Event? = synchronized(lock) {
        if (taken == batch.size) {
            batch = core.orElse({ emptyList() }) { it.drain(BATCH).toEvents() }
            taken = 0
        }
        batch.getOrNull(taken)
    }

    private companion object {
        const val BATCH = 256u
    }
}
