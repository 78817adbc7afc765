package me.secondme.avatar

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.withContext
import kotlin.coroutines.ContinuationInterceptor

/**
 * Waits for the core, and continues on a thread of the JVM. Where nothing dispatches (in a `suspend fun main`, in
 * `Dispatchers.Unconfined`), the caller would continue inside the core's wake, on the core's only thread, and a caller
 * that blocks there would wait for ever.
 */
internal suspend fun <T> offRust(wait: suspend () -> T): T {
    val context = currentCoroutineContext()
    val dispatcher = context[ContinuationInterceptor] as? CoroutineDispatcher
    return if (dispatcher?.isDispatchNeeded(context) == true) wait() else withContext(Dispatchers.Default) { wait() }
}
