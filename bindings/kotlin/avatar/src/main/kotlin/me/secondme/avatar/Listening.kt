package me.secondme.avatar

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch

/** Tells the listener until the subscription ends; closing what this returns ends it at once. */
internal fun Subscription.tell(listener: ConversationListener, dispatcher: CoroutineDispatcher): AutoCloseable {
    val job = CoroutineScope(dispatcher).launch { events.collect(listener::tell) }
    // One that never begins, since its executor takes nothing any more, ends it too: what is not read stops the socket.
    job.invokeOnCompletion { close() }
    return AutoCloseable {
        job.cancel()
        close()
    }
}

private fun ConversationListener.tell(event: Event) {
    catching(event) { onEvent(event) }
    catching(event) { dispatch(event) }
}

private inline fun ConversationListener.catching(event: Event, tell: () -> Unit) {
    try {
        tell()
    } catch (thrown: Throwable) {
        // Which may throw in its turn.
        reportingWhatIsThrown { onThrown(event, thrown) }
    }
}
