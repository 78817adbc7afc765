package me.secondme.avatar

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch
import java.util.concurrent.RejectedExecutionException

/** Tells the listener until the subscription ends; closing what this returns ends it at once. */
internal fun Subscription.tell(listener: ConversationListener, dispatcher: CoroutineDispatcher): AutoCloseable {
    val job = CoroutineScope(dispatcher).launch { events.collect(listener::tell) }
    job.invokeOnCompletion { ended ->
        // One that never begins, since its executor takes nothing any more, ends it too: what is not read stops the socket.
        close()
        // Where it was closed before, that is no failure, and is not why it ended.
        if (ended is CancellationException) ended.rejection()?.let(::endedBy)
    }
    return AutoCloseable {
        job.cancel()
        close()
    }
}

private fun Throwable.rejection() =
    generateSequence(this) { it.cause }.take(10).firstNotNullOfOrNull { it as? RejectedExecutionException }

/** An executor that takes nothing more ends the listening, and that is said: no event is left out in silence. */
private fun endedBy(rejection: RejectedExecutionException) {
    val what = "a listener's executor has refused a task, so that listener is told nothing more"
    AvatarLog.add(LogRecord(LogLevel.ERROR, "secondme_avatar", what))
    val why = "$what: give it an executor that takes every task, and close what `listen` gave before the executor ends"
    report(RejectedExecutionException(why, rejection))
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
