package me.secondme.avatar

import me.secondme.avatar.core.CoreCalls

/** Passes the reports on until there will be no more. */
internal suspend fun CoreCalls.forEach(told: (CallReport) -> Unit) {
    while (ready()) {
        drain(256u).calls.forEach { reportingWhatIsThrown { told(it.toCallReport()) } }
    }
}
