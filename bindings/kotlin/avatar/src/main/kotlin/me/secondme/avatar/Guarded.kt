package me.secondme.avatar

import me.secondme.avatar.core.CoreErrorKind
import me.secondme.avatar.core.CoreException
import me.secondme.avatar.core.CoreFailure

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
