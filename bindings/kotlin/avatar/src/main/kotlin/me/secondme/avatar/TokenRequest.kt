package me.secondme.avatar

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.supervisorScope
import me.secondme.avatar.core.CoreTokenFailure
import me.secondme.avatar.core.CoreTokenRequest
import me.secondme.avatar.core.CoreTokens
import java.io.IOException
import java.util.concurrent.TimeoutException

/**
 * What a function that gives users' tokens is asked for: see [AvatarClient.visitorChat].
 *
 * @property visitorId whose token is wanted: the [Visitor.id] that the conversation was opened for. The service is not
 * told it, since the token says who speaks.
 * @property refused the service has refused the token that was given last: give another one, refreshed perhaps.
 */
public class TokenRequest(public val visitorId: String, public val refused: Boolean) {
    override fun toString(): String = "TokenRequest($visitorId, ${if (refused) "refused" else "first"})"
}

/**
 * Asks the program's function for each token that is wanted, each time in a coroutine of its own, until there are no
 * more requests. What still runs then is cancelled. The functions have 64 threads of their own: where they block all of
 * them, those that are taken back are cancelled all the same.
 */
@OptIn(ExperimentalCoroutinesApi::class)
internal suspend fun CoreTokens.answerAll(token: suspend (TokenRequest) -> String): Unit = supervisorScope {
    val threads = Dispatchers.IO.limitedParallelism(64)
    val running = mutableMapOf<Long, Job>()
    while (ready()) {
        val batch = drain(256u)
        for (request in batch.wanted) running[request.ticket] = launch(threads) { answer(request, token) }
        for (ticket in batch.takenBack) running[ticket]?.cancel()
        running.values.removeIf { !it.isActive }
    }
    coroutineContext.cancelChildren()
}

private suspend fun CoreTokens.answer(request: CoreTokenRequest, token: suspend (TokenRequest) -> String) {
    try {
        val given = token(TokenRequest(request.visitorId, request.refused)).whole("token")
        NativeUse.during { answerToken(request.ticket, given) }
    } catch (thrown: Throwable) {
        // Where it was cancelled by this library, no call waits for it: this then does nothing.
        NativeUse.during { failToken(request.ticket, thrown.toTokenFailure()) }
        if (thrown is CancellationException) currentCoroutineContext().ensureActive()
    }
}

private fun Throwable.toTokenFailure() = when (this) {
    is AvatarException -> CoreTokenFailure(kind, message.orEmpty(), code, false)
    else -> CoreTokenFailure(null, inWords(), null, generateSequence(this) { it.cause }.take(10).any { it.mayPass() })
}

private fun Throwable.mayPass() =
    this is IOException || this is TimeoutCancellationException || this is TimeoutException

/** Its type, and what it says, in a form that the core can take. */
internal fun Throwable.inWords(): String {
    val words = listOfNotNull(javaClass.simpleName, runCatching { message }.getOrNull()).joinToString(": ")
    return words.encodeToByteArray().decodeToString()
}
