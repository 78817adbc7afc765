package me.secondme.avatar

import kotlinx.coroutines.CancellationException

/**
 * Calls a function of the program. What it throws goes to the thread's handler for uncaught exceptions, as it would on
 * a thread of the caller's own, and the next call is made all the same.
 */
internal inline fun reportingWhatIsThrown(call: () -> Unit) {
    try {
        call()
    } catch (thrown: Throwable) {
        report(thrown)
    }
}

/** Gives it to the thread's handler for uncaught exceptions. */
internal fun report(thrown: Throwable) {
    // Thrown by hand, or by a job of the caller's own: coroutines report none either.
    if (thrown is CancellationException) return
    val thread = Thread.currentThread()
    thread.uncaughtExceptionHandler.uncaughtException(thread, thrown)
}
