package me.secondme.avatar

import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.launch
import me.secondme.avatar.core.CoreCalls

/** Work of a client's own, which ends with what the client's core gives it. It must not hold the client. */
internal fun background(name: String, work: suspend CoroutineScope.() -> Unit) {
    CoroutineScope(SupervisorJob() + Dispatchers.IO + CoroutineName("secondme-avatar-$name")).launch(block = work)
}

/** Passes the reports on until there will be no more. */
internal suspend fun CoreCalls.forEach(told: (CallReport) -> Unit) {
    while (ready()) {
        drain(256u).calls.forEach { reportingWhatIsThrown { told(it.toCallReport()) } }
    }
}
