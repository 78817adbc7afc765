package me.secondme.avatar

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.launch
import me.secondme.avatar.core.CoreCalls

/**
 * `Dispatchers.IO` without its limit of 64 threads, which the whole process shares: there, code of the program that blocks
 * would hold up the library. It takes a thread for each of the library's coroutines that is blocked, and they are few: one
 * for each client's reports, for its tokens, for the log, and for each wait in a dispatcher that blocks.
 */
@OptIn(ExperimentalCoroutinesApi::class)
internal val elastic: CoroutineDispatcher = Dispatchers.IO.limitedParallelism(Int.MAX_VALUE)

/** Work of a client's own, which ends with what the client's core gives it. It must not hold the client. */
internal fun background(name: String, work: suspend CoroutineScope.() -> Unit) {
    CoroutineScope(SupervisorJob() + elastic + CoroutineName("secondme-avatar-$name")).launch(block = work)
}

/** Passes the reports on until there will be no more. */
internal suspend fun CoreCalls.forEach(told: (CallReport) -> Unit) {
    while (ready()) {
        drain(256u).calls.forEach { reportingWhatIsThrown { told(it.toCallReport()) } }
    }
}
