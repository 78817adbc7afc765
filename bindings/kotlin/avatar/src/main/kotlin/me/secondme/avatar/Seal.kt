package me.secondme.avatar

import me.secondme.avatar.core.CoreSeal
import me.secondme.avatar.core.CoreSealFailure

/**
 * Encrypts what a [store][ClientOptions.store] keeps, so that the file is of no use without a key that lies elsewhere: in
 * Android's Keystore, in a key management service.
 *
 * Both functions are called on the thread of the store, one call for each row, with some hundred bytes to some
 * kilobytes. They may block, and what waits for the store waits meanwhile; so they ask no service over the network for
 * each row. They do not call this library. A seal adds what it needs, such as a nonce, and refuses bytes that were
 * changed.
 *
 * Where [seal] throws, nothing is written, and the call fails with [AvatarException.Store]. Where [unseal] throws, the
 * row stays where it is, for a later run. Both times the error repeats what the exception says.
 */
public interface Seal {
    /** The bytes as they are to be written. */
    public fun seal(bytes: ByteArray): ByteArray

    /** What [seal] was given. */
    public fun unseal(sealed: ByteArray): ByteArray
}

internal class CoreSealOf(private val seal: Seal) : CoreSeal {
    override fun seal(bytes: ByteArray): ByteArray = failing { seal.seal(bytes) }

    override fun unseal(bytes: ByteArray): ByteArray = failing { seal.unseal(bytes) }

    @Suppress("TooGenericExceptionCaught")
    private fun failing(call: () -> ByteArray): ByteArray = try {
        call()
    } catch (thrown: Exception) {
        throw CoreSealFailure.Failed("${thrown.javaClass.simpleName}: ${thrown.message.orEmpty()}")
    }
}
