package me.secondme.avatar

import me.secondme.avatar.core.CoreCancel
import me.secondme.avatar.core.CoreErrorKind
import me.secondme.avatar.core.Disposable
import kotlin.coroutines.cancellation.CancellationException

/**
 * An object of the core that is released when it is over, and not when the garbage collector finds it. Calls that come
 * later, or at that very moment, find it closed.
 */
internal class Held<C : Disposable>(private val core: C, private val whenReleased: String) {
    @Volatile
    var isReleased = false
        private set

    /** A call, with its failures as this library's exceptions. */
    inline fun <T> call(call: (C) -> T): T = guarded { orElse({ throw released() }, call) }

    /** [call] for what waits, and is given up where it is cancelled. */
    suspend fun <T> await(call: suspend (C, CoreCancel) -> T): T =
        offRust { call { core -> cancellable { cancel -> call(core, cancel) } } }

    /** [call] for what closes something: it begins even in a coroutine that is cancelled already. */
    suspend fun <T> awaitClosing(call: suspend (C) -> T): T = offRust { call { call(it) } }

    /** A call, or something else where it is over. */
    inline fun <T> orElse(otherwise: () -> T, call: (C) -> T): T = try {
        if (isReleased) otherwise() else NativeUse.during { call(core) }
    } catch (gone: IllegalStateException) {
        // The core's wrapper says so when it was let go of in between. A cancellation is of this kind as well.
        if (isReleased && gone !is CancellationException) otherwise() else throw gone
    }

    fun release() {
        isReleased = true
        NativeUse.during { core.destroy() }
    }

    fun released(): AvatarException = failure(CoreErrorKind.CLOSED, whenReleased)
}
