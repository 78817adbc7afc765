package me.secondme.avatar

import me.secondme.avatar.core.CoreErrorKind
import me.secondme.avatar.core.CoreException
import me.secondme.avatar.core.CoreFailure
import me.secondme.avatar.core.CoreUnsent
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/**
 * Why a call failed. The message says what happened and what to do, and holds neither a secret nor what anybody said.
 *
 * @property kind the subclass's name, the same in every language, such as `rate_limited`.
 * @property code the service's own code, such as `open.api.key.not.found`.
 * @property step the step of the protocol at which it happened, such as `create_session`.
 * @property status the HTTP status, where there was an answer.
 * @property retryable whether the same call may succeed later without anything else being changed.
 * @property retryAfter how long to wait before the call can succeed, where that is known.
 * @property unsent the message that was given up, where the failure is about one.
 */
public sealed class AvatarException(
    public val kind: String,
    message: String,
    public val code: String?,
    public val step: String?,
    public val status: Int?,
    public val retryable: Boolean,
    public val retryAfter: Duration?,
    public val unsent: Unsent?,
    cause: Throwable?,
) : Exception(message, cause) {
    private constructor(kind: String, failure: CoreFailure) : this(
        kind,
        failure.message,
        failure.code,
        failure.step,
        failure.status?.toInt(),
        failure.retryable,
        failure.retryAfterMs?.toLong()?.milliseconds,
        failure.unsent?.let(::Unsent),
        failure.causes.foldRight(null as Throwable?) { text, beneath -> Cause(text, beneath) },
    )

    /** The API key was refused: missing, unknown or disabled. Nothing helps but another key. */
    public class Authentication internal constructor(failure: CoreFailure) : AvatarException("authentication", failure)

    /** The quota of the API key is used up. [retryAfter] says when to come back. */
    public class RateLimited internal constructor(failure: CoreFailure) : AvatarException("rate_limited", failure)

    /** The key's avatar does not exist (any more). */
    public class AvatarNotFound internal constructor(failure: CoreFailure) :
        AvatarException("avatar_not_found", failure)

    /** The visitor id is not of the service's form. */
    public class InvalidVisitorId internal constructor(failure: CoreFailure) :
        AvatarException("invalid_visitor_id", failure)

    /** Not a member of the session. The next `open` makes a new one. */
    public class NotMember internal constructor(failure: CoreFailure) : AvatarException("not_member", failure)

    /** The conversation or the client is closed, or the service has ended the session. */
    public class Closed internal constructor(failure: CoreFailure) : AvatarException("closed", failure)

    /** The service could not be reached, or the connection broke. */
    public class ConnectionFailed internal constructor(failure: CoreFailure) :
        AvatarException("connection_failed", failure)

    /** The certificate of the service or of a proxy was refused; the message says what to do. */
    public class Certificate internal constructor(failure: CoreFailure) : AvatarException("certificate", failure)

    /** The service answered, but is not able to work. */
    public class Unavailable internal constructor(failure: CoreFailure) : AvatarException("unavailable", failure)

    /** The call's deadline passed first. The cause says what was in the way. */
    public class Deadline internal constructor(failure: CoreFailure) : AvatarException("deadline", failure)

    /**
     * The message was sent, but the avatar's owner has taken the conversation over and has not answered in time. What
     * the owner says later comes as an event.
     */
    public class TakenOver internal constructor(failure: CoreFailure) : AvatarException("taken_over", failure)

    /** The service refused with a [code] that stands for nothing else here. */
    public class Refused internal constructor(failure: CoreFailure) : AvatarException("refused", failure)

    /** The answer was not of the service's form: a proxy's page, perhaps, or a wrong base URL. */
    public class InvalidAnswer internal constructor(failure: CoreFailure) : AvatarException("invalid_answer", failure)

    /** The service does not offer this. */
    public class Unsupported internal constructor(failure: CoreFailure) : AvatarException("unsupported", failure)

    /** The store could not be read or written. */
    public class Store internal constructor(failure: CoreFailure) : AvatarException("store", failure)

    /** The call was wrong, and nothing was sent. The message says what to do. */
    public class Misuse internal constructor(failure: CoreFailure) : AvatarException("misuse", failure)

    /** What lay beneath, in the core. */
    private class Cause(message: String, cause: Throwable?) : Exception(message, cause, false, false) {
        override fun toString(): String = message.orEmpty()
    }
}

/**
 * A message that was given up, handed back so that nothing is lost.
 *
 * @property text what was to be said.
 * @property messageId the id it was, or would have been, sent under.
 * @property certain `true`: the service never took it, and sending it again is safe. `false`: nobody can tell.
 */
public class Unsent internal constructor(
    public val text: String,
    public val messageId: String,
    public val certain: Boolean,
) {
    internal constructor(core: CoreUnsent) : this(core.text, core.messageId, core.certain)

    override fun toString(): String = "Unsent($messageId, certain=$certain)"
}

/** A call into the core, with its failures as this library's exceptions. */
internal inline fun <T> guarded(call: () -> T): T = try {
    NativeCode.load()
    NativeUse.during(call)
} catch (failed: CoreException.Failed) {
    throw failed.failure.toException()
}

/** A failure of this layer's own. */
internal fun failure(kind: CoreErrorKind, message: String): AvatarException =
    CoreFailure(kind, message, null, null, null, false, null, null, emptyList()).toException()

/** A call that this layer finds wrong. */
internal fun misuse(message: String): AvatarException = failure(CoreErrorKind.MISUSE, message)

/** A text that goes to the core, if it can be written in UTF-8. */
internal fun String.whole(what: String = "text"): String {
    if (Charsets.UTF_8.newEncoder().canEncode(this)) return this
    throw misuse("the $what has half of a surrogate pair: it was cut in the middle of a character, so cut it elsewhere")
}

internal fun CoreFailure.toException(): AvatarException = when (kind) {
    CoreErrorKind.AUTHENTICATION -> AvatarException.Authentication(this)
    CoreErrorKind.RATE_LIMITED -> AvatarException.RateLimited(this)
    CoreErrorKind.AVATAR_NOT_FOUND -> AvatarException.AvatarNotFound(this)
    CoreErrorKind.INVALID_VISITOR_ID -> AvatarException.InvalidVisitorId(this)
    CoreErrorKind.NOT_MEMBER -> AvatarException.NotMember(this)
    CoreErrorKind.CLOSED -> AvatarException.Closed(this)
    CoreErrorKind.CONNECTION_FAILED -> AvatarException.ConnectionFailed(this)
    CoreErrorKind.CERTIFICATE -> AvatarException.Certificate(this)
    CoreErrorKind.UNAVAILABLE -> AvatarException.Unavailable(this)
    CoreErrorKind.DEADLINE -> AvatarException.Deadline(this)
    CoreErrorKind.TAKEN_OVER -> AvatarException.TakenOver(this)
    CoreErrorKind.REFUSED -> AvatarException.Refused(this)
    CoreErrorKind.INVALID_ANSWER -> AvatarException.InvalidAnswer(this)
    CoreErrorKind.UNSUPPORTED -> AvatarException.Unsupported(this)
    CoreErrorKind.STORE -> AvatarException.Store(this)
    CoreErrorKind.MISUSE -> AvatarException.Misuse(this)
}
