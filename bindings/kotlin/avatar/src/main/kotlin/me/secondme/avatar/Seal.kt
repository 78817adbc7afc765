package me.secondme.avatar

import me.secondme.avatar.core.CoreSeal
import me.secondme.avatar.core.CoreSealFailure

/**
 * Encrypts what a [store][ClientOptions.store] keeps, so that the file is of no use without a key that lies elsewhere: in
 * Android's Keystore, in a key management service.
 *
 * Both functions are called on a thread of their own, one call at a time and one for each row, with some hundred bytes
 * to some kilobytes. They may block, and what waits for the store waits meanwhile; so they ask no service over the network
 * for each row. A call that takes longer than 20 s counts as failed; it runs on, and until it has returned no other is
 * begun, and each fails at once. They do not call this library. A seal adds what it needs, such as a nonce, and refuses
 * bytes that were changed.
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

    /** An [Error] too: the core would take it for an empty row. */
    @Suppress("TooGenericExceptionCaught")
    private fun failing(call: () -> ByteArray): ByteArray = try {
        call()
    } catch (thrown: Throwable) {
        throw CoreSealFailure.Failed(thrown.inWords())
    }
}
