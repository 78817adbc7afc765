package me.secondme.avatar

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.withContext
import kotlin.coroutines.ContinuationInterceptor

/**
 * A wait for the core, after which the caller is on a thread of the JVM's. Where nothing dispatches (in a
 * `suspend fun main`, in `Dispatchers.Unconfined`), it would go on inside the core's wake, on the core's only thread;
 * and whoever blocks there waits for ever.
 */
internal suspend fun <T> offRust(wait: suspend () -> T): T {
    val context = currentCoroutineContext()
    val dispatcher = context[ContinuationInterceptor] as? CoroutineDispatcher
    return if (dispatcher?.isDispatchNeeded(context) == true) wait() else withContext(Dispatchers.Default) { wait() }
}
