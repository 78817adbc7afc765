package me.secondme.avatar

import com.sun.jna.CallbackThreadInitializer
import com.sun.jna.Native
import com.sun.jna.NativeLibrary
import com.sun.jna.Platform
import me.secondme.avatar.core.IntegrityCheckingUniffiLib
import me.secondme.avatar.core.UniffiLib
import me.secondme.avatar.core.uniffiEnsureInitialized
import me.secondme.avatar.core.uniffiRustFutureContinuationCallbackImpl

/** The Rust library beneath. */
internal object NativeCode {
    private const val NAME = "secondme_avatar_ffi"

    /** Why it cannot be loaded: what is tried once is not tried again, and fails alike. */
    private val obstacle: Obstacle? by lazy {
        try {
            // The class's own loader finds it in this jar; the thread's may be another one.
            NativeLibrary.getInstance(NAME, NativeCode::class.java.classLoader)
            uniffiEnsureInitialized()
            // The core's thread stays attached to the JVM: attaching it anew for each wake costs more than the wake.
            // As a daemon, so that it holds up no exit.
            val stayAttached = CallbackThreadInitializer(true, false, "secondme-avatar")
            Native.setCallbackThreadInitializer(uniffiRustFutureContinuationCallbackImpl, stayAttached)
            null
        } catch (missing: LinkageError) {
            Obstacle.of(missing, NAME)
        }
    }

    /** Its functions are bound to the generated code, as they are by loading it. */
    private var isBound = true

    /** Binds its functions again, after [unbind]; `false`: they are bound. */
    fun bind(): Boolean {
        if (isBound) return false
        Native.register(UniffiLib::class.java, NAME)
        isBound = true
        return true
    }

    /** Unbinds its functions, through which JNA holds the class loader. No call may be under way. */
    fun unbind() {
        Native.unregister(UniffiLib::class.java)
        Native.unregister(IntegrityCheckingUniffiLib::class.java)
        isBound = false
    }

    /** Loads it, if that has not been done; an [UnsatisfiedLinkError] says what is in the way, and what to do. */
    fun load() {
        obstacle?.let { throw it.toError() }
    }
}

/** What keeps the library from being loaded. */
internal class Obstacle(private val explanation: String, private val cause: Throwable) {
    fun toError(): UnsatisfiedLinkError = UnsatisfiedLinkError(explanation).also { it.initCause(cause) }

    companion object {
        /** What the dynamic linker says where a folder is mounted `noexec`, or the system forbids it otherwise. */
        private val NOT_EXECUTABLE = listOf("failed to map segment", "Operation not permitted", "Permission denied")

        /** What JNA says where it cannot unpack the library. */
        private val NOT_UNPACKED = listOf("Failed to create temporary file", "JNA temporary directory")

        private const val BUILD =
            "Build it from the sources (cargo build --profile size -p secondme-avatar-ffi), and say where it is with " +
                "-Djna.library.path=FOLDER."

        fun of(failed: Throwable, library: String): Obstacle {
            val chain = generateSequence(failed) { it.cause }.toList()
            // By name: Android has no such class.
            val isForbidden = chain.any { it.javaClass.name == "java.lang.IllegalCallerException" }
            val details = chain.flatMap { it.message.orEmpty().lines() }.filter(String::isNotBlank).distinct()
            fun says(words: List<String>) = details.any { line -> words.any(line::contains) }
            // JNA finds its own name for the system out of native code, which may be what fails.
            val place = runCatching { "${Platform.RESOURCE_PREFIX}/${System.mapLibraryName(library)}" }.getOrNull()
            val isInJar = place != null && NativeCode::class.java.getResource("/$place") != null
            val explanation =
                when {
                    isForbidden ->
                        "This Java machine was told not to let secondme-avatar run native code. Start it with " +
                            "--enable-native-access=ALL-UNNAMED (or put `Enable-Native-Access: ALL-UNNAMED` into the " +
                            "manifest of the jar that is started; on the module path: " +
                            "--enable-native-access=com.sun.jna)."
                    says(NOT_EXECUTABLE) || says(NOT_UNPACKED) ->
                        "The native code of secondme-avatar cannot be run from the folder where JNA unpacks it: the " +
                            "folder cannot be written to, or is mounted `noexec`. Name one that this program may " +
                            "write to and run code from: -Djna.tmpdir=FOLDER."
                    isInJar ->
                        "The library $place in the jar of secondme-avatar cannot be loaded here: it is made for " +
                            "another version of the system. $BUILD"
                    place != null ->
                        "secondme-avatar has no native library for this system: its jar holds no $place. $BUILD"
                    else -> "JNA, over which secondme-avatar calls its native code, cannot be loaded here."
                }
            // What is only looked for elsewhere says nothing.
            val telling = details.filterNot { it.contains("No such file or directory") || it.endsWith(":") }
            val quoted = if (telling.isEmpty()) "" else " [${telling.joinToString("; ")}]"
            return Obstacle(explanation + quoted, failed)
        }
    }
}
