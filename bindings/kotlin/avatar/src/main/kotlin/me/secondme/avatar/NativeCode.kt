package me.secondme.avatar

import com.sun.jna.CallbackThreadInitializer
import com.sun.jna.Native
import com.sun.jna.NativeLibrary
import com.sun.jna.Platform
import me.secondme.avatar.core.uniffiEnsureInitialized
import me.secondme.avatar.core.uniffiRustFutureContinuationCallbackImpl

/** The Rust library beneath. */
internal object NativeCode {
    private const val NAME = "secondme_avatar_ffi"

    private val loaded by lazy {
        try {
            NativeLibrary.getInstance(NAME)
        } catch (missing: UnsatisfiedLinkError) {
            throw UnsatisfiedLinkError(explanation(missing))
        }
        uniffiEnsureInitialized()
        // The core's thread stays attached to the JVM: attaching it anew for each wake costs more than the wake. As a
        // daemon, so that it holds up nobody's exit.
        val stayAttached = CallbackThreadInitializer(true, false, "secondme-avatar")
        Native.setCallbackThreadInitializer(uniffiRustFutureContinuationCallbackImpl, stayAttached)
    }

    /** Loads it, if that has not been done; an [UnsatisfiedLinkError] says what is missing. */
    fun load() = loaded

    private fun explanation(missing: UnsatisfiedLinkError): String {
        val place = "${Platform.RESOURCE_PREFIX}/${System.mapLibraryName(NAME)}"
        val isInJar = NativeCode::class.java.getResource("/$place") != null
        val what =
            if (isInJar) {
                "The library $place in the jar of secondme-avatar cannot be loaded here"
            } else {
                "secondme-avatar has no native library for this system: its jar holds no $place"
            }
        return "$what. Build it from the sources (cargo build --profile size -p secondme-avatar-ffi), and say where " +
            "it is with -Djna.library.path=FOLDER. [${missing.message?.lineSequence()?.firstOrNull()}]"
    }
}
