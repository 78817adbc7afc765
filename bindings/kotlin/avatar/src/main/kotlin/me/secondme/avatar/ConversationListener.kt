package me.secondme.avatar

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch

/**
 * Is told what happens, one event at a time and in order, on the dispatcher that it was registered with. Every event
 * comes to [onEvent]; the others are for those who want a few only.
 *
 * What a listener throws goes to [onThrown], and the next event comes all the same.
 */
public interface ConversationListener {
    /** Anything happened. */
    public fun onEvent(event: Event) {}

    /** The conversation's state is another one. */
    public fun onStateChanged(event: Event.StateChanged) {}

    /** The next piece of the avatar's reply. */
    public fun onReplyDelta(event: Event.ReplyDelta) {}

    /** The avatar's reply is complete. */
    public fun onReply(event: Event.AvatarReply) {}

    /** The avatar's owner says something in person. */
    public fun onOwnerReply(event: Event.OwnerReply) {}

    /** The avatar's owner has the conversation: the avatar may be silent from now on. */
    public fun onTakenOver(event: Event.TakenOver) {}

    /** The avatar speaks again. */
    public fun onHandedBack(event: Event.HandedBack) {}

    /** A message is given up for which no call waits any more. */
    public fun onUnsent(event: Event.UnsentMessage) {}

    /** The conversation is closed. Nothing comes after it. */
    public fun onClosed(event: Event.Closed) {}

    /**
     * One of the methods above threw this at this event. If not said otherwise, it goes to the thread's handler for
     * uncaught exceptions, which prints it; on Android it ends the app.
     */
    public fun onThrown(event: Event, thrown: Throwable): Unit = report(thrown)
}

/** Tells the listener until the subscription ends; closing what this returns ends it at once. */
internal fun Subscription.tell(listener: ConversationListener, dispatcher: CoroutineDispatcher): AutoCloseable {
    val job =
        CoroutineScope(dispatcher).launch {
            use { it.events.collect(listener::tell) }
        }
    return AutoCloseable {
        job.cancel()
        close()
    }
}

private fun ConversationListener.tell(event: Event) {
    catching(event) { onEvent(event) }
    catching(event) {
        when (event) {
            is Event.StateChanged -> onStateChanged(event)
            is Event.ReplyDelta -> onReplyDelta(event)
            is Event.AvatarReply -> onReply(event)
            is Event.OwnerReply -> onOwnerReply(event)
            is Event.TakenOver -> onTakenOver(event)
            is Event.HandedBack -> onHandedBack(event)
            is Event.UnsentMessage -> onUnsent(event)
            is Event.Closed -> onClosed(event)
            else -> {}
        }
    }
}

private inline fun ConversationListener.catching(event: Event, tell: () -> Unit) {
    try {
        tell()
    } catch (thrown: Throwable) {
        // Which may throw in its turn.
        reportingWhatIsThrown { onThrown(event, thrown) }
    }
}
