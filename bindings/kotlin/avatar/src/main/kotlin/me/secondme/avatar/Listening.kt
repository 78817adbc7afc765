package me.secondme.avatar

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch

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
