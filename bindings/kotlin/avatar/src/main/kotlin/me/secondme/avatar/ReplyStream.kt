package me.secondme.avatar

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.FlowCollector
import kotlinx.coroutines.flow.flow
import me.secondme.avatar.core.CorePieces
import java.util.concurrent.atomic.AtomicBoolean

/**
 * A reply, piece by piece. The message is sent when this is collected, and this is collected once.
 *
 * ```
 * val stream = chat.stream("Hello")
 * stream.collect { piece -> print(piece.text) }
 * println(stream.reply?.sources)
 * ```
 *
 * A collection that is left (`take`, `first`, a cancellation) gives the rest up: the next question goes out at once, and
 * what still comes of this reply is an event like any other.
 */
public class ReplyStream internal constructor(ask: () -> CorePieces) : Flow<Piece> {
    private val isCollected = AtomicBoolean()

    @Volatile
    private var isStopped = false

    @Volatile
    private var asked: CorePieces? = null

    /** The whole reply, once all its pieces have been collected; `null` before, and after a failure. */
    @Volatile
    public var reply: Reply? = null
        private set

    private val pieces =
        flow {
            if (!isCollected.compareAndSet(false, true)) {
                throw misuse("this stream has been collected already: call `stream` again to ask once more")
            }
            if (isStopped) return@flow
            val core = ask()
            try {
                asked = core
                if (isStopped) core.stop()
                while (offRust { givenUpBy({ core.end() }) { core.ready() } }) {
                    guarded { core.drain(BATCH) }.forEach { emit(Piece(it.author.toAuthor(), it.text)) }
                }
                reply = core.reply()?.toReply()
            } finally {
                asked = null
                core.end()
                core.destroy()
            }
        }

    /**
     * Gives the rest of the reply up. The pieces that have come are still emitted, and then the collection ends. The next
     * question goes out at once. Stopping twice does no harm.
     */
    public fun stop() {
        isStopped = true
        try {
            asked?.stop()
        } catch (over: IllegalStateException) {
            // The collection has ended at this moment.
        }
    }

    override suspend fun collect(collector: FlowCollector<Piece>): Unit = pieces.collect(collector)
}

/**
 * A piece of a reply.
 *
 * @property author who says it: the avatar, or its owner in person.
 * @property text the next piece of the text; empty where a piece is a card.
 */
public class Piece internal constructor(public val author: Author, public val text: String) {
    override fun toString(): String = "Piece($author, ${text.length} characters)"
}

private const val BATCH = 256u
