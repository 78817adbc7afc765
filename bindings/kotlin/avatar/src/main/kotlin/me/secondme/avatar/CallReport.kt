package me.secondme.avatar

import me.secondme.avatar.core.CoreCall
import me.secondme.avatar.core.CoreCalls
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/**
 * One call to the service, or one handshake of a socket, when it is over. It holds no secret and nothing that anybody
 * says.
 *
 * @property visitorId whose call it was.
 * @property step which step of the protocol, such as `create_session`.
 * @property took how long it took.
 * @property error what went wrong, if anything did.
 */
public class CallReport internal constructor(
    public val visitorId: String,
    public val step: String,
    public val took: Duration,
    public val error: AvatarException?,
) {
    override fun toString(): String = "CallReport($step, $took, ${error?.kind ?: "done"})"
}

/** Hands the reports on until there will be no more. */
internal suspend fun CoreCalls.forEach(told: (CallReport) -> Unit) {
    while (ready()) {
        drain(256u).calls.forEach { reportingWhatIsThrown { told(it.toReport()) } }
    }
}

private fun CoreCall.toReport() = CallReport(visitorId, step, tookMs.toLong().milliseconds, failure?.toException())
