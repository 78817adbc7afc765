package me.secondme.avatar

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import me.secondme.avatar.core.CoreCancel
import me.secondme.avatar.core.CoreException
import kotlin.coroutines.cancellation.CancellationException

/**
 * A wait that is given up where it is cancelled: on the thread that cancels, before `cancel` returns. The future that
 * UniFFI waits for is dropped later, when the coroutine has its turn; a question might go out in between.
 */
internal suspend fun <T> givenUpBy(giveUp: () -> Unit, wait: suspend () -> T): T = coroutineScope {
    var isOver = false
    val watch =
        launch(Dispatchers.Unconfined, CoroutineStart.UNDISPATCHED) {
            try {
                awaitCancellation()
            } finally {
                if (!isOver) NativeUse.during(giveUp)
            }
        }
    try {
        wait()
    } finally {
        isOver = true
        watch.cancel()
    }
}

/** A call of the core that is given up where it is cancelled. */
internal suspend fun <T> cancellable(call: suspend (CoreCancel) -> T): T {
    val cancel = CoreCancel()
    try {
        return givenUpBy({ cancel.cancel() }) { call(cancel) }
    } catch (givenUp: CoreException.Cancelled) {
        throw CancellationException("the call was given up", givenUp)
    } finally {
        NativeUse.during { cancel.destroy() }
    }
}
