package me.secondme.avatar

import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.FlowCollector
import me.secondme.avatar.core.CoreEvents

/**
 * A subscription to events, from the moment it is made until it is [closed][close], or its conversation or client is.
 *
 * Its queue is bounded, and nothing in it is dropped: when it is full, the socket is read no further until there is
 * room again. So take what comes, or close it. A collection or a [next] that is cancelled loses nothing: the next one
 * goes on where it was.
 */
public class Subscription internal constructor(core: CoreEvents) : AutoCloseable {
    private val core = Held(core, "the subscription is closed")
    private val lock = Any()
    private var batch = emptyList<Event>()
    private var taken = 0

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
            if (!core.orElse({ false }) { offRust { it.ready() } }) return take()
        }
    }

    /** Ends the subscription; a [next] that waits gets `null`. */
    override fun close() {
        synchronized(lock) {
            batch = emptyList()
            taken = 0
            core.orElse({}) { it.finish() }
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
