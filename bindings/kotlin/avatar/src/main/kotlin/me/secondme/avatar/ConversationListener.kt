package me.secondme.avatar

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch

/**
 * Is told what happens, one event at a time and in order, on the dispatcher that it was registered with. Every event
 * comes to [onEvent]; the others are for those who want a few only.
 *
 * What a listener throws goes to its thread's handler for uncaught exceptions, and the listener hears nothing more.
 */
public interface ConversationListener {
    /** Anything happened. */
    public fun onEvent(event: Event) {}

    /** The conversation's state is another one. */
    public fun onStateChanged(event: Event.StateChanged) {}

    /** The next piece of the avatar's reply. */
    public fun onReplyDelta(event: Event.ReplyDelta) {}

    /** The avatar's reply is complete. */
    public fun onReply(event: Event.Reply) {}

    /** The avatar's owner says something in person. */
    public fun onOwnerReply(event: Event.OwnerReply) {}

    /** A message is given up for which nobody waits any more. */
    public fun onUnsent(event: Event.Unsent) {}

    /** The conversation is closed. Nothing comes after it. */
    public fun onClosed(event: Event.Closed) {}
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
    onEvent(event)
    when (event) {
        is Event.StateChanged -> onStateChanged(event)
        is Event.ReplyDelta -> onReplyDelta(event)
        is Event.Reply -> onReply(event)
        is Event.OwnerReply -> onOwnerReply(event)
        is Event.Unsent -> onUnsent(event)
        is Event.Closed -> onClosed(event)
        else -> {}
    }
}
