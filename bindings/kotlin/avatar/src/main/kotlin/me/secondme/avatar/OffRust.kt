package me.secondme.avatar

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlin.coroutines.ContinuationInterceptor

/**
 * Waits for the core, and continues on a thread of the JVM. The core's only thread wakes the wait, and must neither run
 * what follows nor hand it to a dispatcher of the program's: one that runs it there and then (`Dispatchers.Unconfined`, an
 * executor such as `Runnable::run` or one whose callers run what is too much) or that blocks until there is room would
 * stop the library, and for ever where what follows waits for the core.
 *
 * The wait begins on the caller's thread: calls that are made one after the other reach the core in this order.
 */
internal suspend fun <T> offRust(wait: suspend () -> T): T {
    if (currentCoroutineContext()[ContinuationInterceptor].queues()) return wait()
    return coroutineScope {
        val waiting = async(elastic, CoroutineStart.UNDISPATCHED) { wait() }
        // What begins here ends on another thread.
        JnaThreads.forgetThisOne()
        waiting.await()
    }
}

/**
 * Whether it is known to queue what it is given, and to do no more. (`runBlocking` also needs no thread then that would
 * outlive it. Its class cannot be named; where a shrinker has renamed it, it is not known.)
 */
private fun ContinuationInterceptor?.queues() = this === elastic || this === Dispatchers.IO ||
    this === Dispatchers.Default || this?.javaClass?.name == "kotlinx.coroutines.BlockingEventLoop"
