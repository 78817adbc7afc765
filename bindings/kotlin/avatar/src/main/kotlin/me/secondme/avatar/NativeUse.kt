package me.secondme.avatar

import com.sun.jna.Structure
import com.sun.jna.internal.Cleaner
import me.secondme.avatar.core.CoreClient
import me.secondme.avatar.core.CoreLog
import me.secondme.avatar.core.UniffiCleaner
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread

/**
 * Counts what is in use of the native code: its objects, and calls that are under way. When the last client is closed
 * and nothing is in use any more, nothing of it is left that holds this class loader, so that one that is given up (a
 * web application that is deployed anew) can be collected. The core ends its threads with its last client.
 */
internal object NativeUse {
    private val lock = Any()
    private var count = 0

    /** How many of those forward the log. They end when nothing else is in use. */
    private var forwarders = 0

    /** Since nothing was in use, there was a client. */
    private var hadClient = false

    /**
     * How long nothing must have been in use. At first not at all; but each time that JNA binds anew costs some memory
     * that it does not give back, so a program that makes client after client is waited for, longer each time.
     */
    private var patience = 0L
    private var idleSince = 0L
    private var isWaiting = false

    fun begin() {
        synchronized(lock) {
            if (count++ == 0 && NativeCode.bind()) patience = maxOf(FIRST_PATIENCE, 2 * patience)
        }
        AvatarLog.resume()
    }

    fun beginClient() {
        synchronized(lock) { hadClient = true }
        begin()
    }

    /** [begin], for the log's own calls. */
    fun hold() {
        synchronized(lock) { count += 1 }
    }

    fun beginForwarder() {
        synchronized(lock) {
            forwarders += 1
            count += 1
        }
    }

    fun endForwarder() {
        synchronized(lock) { forwarders -= 1 }
        end()
    }

    fun end() {
        val onlyLogIsLeft =
            synchronized(lock) {
                count -= 1
                if (count == 0 && hadClient) restInTime()
                count > 0 && count == forwarders
            }
        // Outside the lock, which the log takes in its own.
        if (onlyLogIsLeft) AvatarLog.rest()
    }

    /** A call into the core, or a wait for it. */
    inline fun <T> during(call: () -> T): T {
        begin()
        try {
            return call()
        } finally {
            end()
            JnaThreads.forgetThisOne()
        }
    }

    private fun restInTime() {
        idleSince = System.nanoTime()
        if (patience == 0L) return rest()
        if (isWaiting) return
        isWaiting = true
        thread(isDaemon = true, name = "secondme-avatar-rest") {
            while (true) {
                val left =
                    synchronized(lock) {
                        val left = idleSince + patience - System.nanoTime()
                        if (count == 0 && hadClient && left <= 0) rest()
                        isWaiting = count == 0 && hadClient
                        if (isWaiting) left else null
                    }
                TimeUnit.NANOSECONDS.sleep(left ?: break)
            }
        }
    }

    private fun rest() {
        hadClient = false
        NativeCode.unbind()
        JnaThreads.endCleaner()
    }

    private const val FIRST_PATIENCE = 1_000_000_000L
}

/** UniFFI's cleaner, with its objects counted: `make bindings` puts this around it. */
internal fun counted(cleaner: UniffiCleaner): UniffiCleaner = object : UniffiCleaner {
    override fun register(value: Any, cleanUpTask: Runnable): UniffiCleaner.Cleanable {
        when (value) {
            is CoreClient -> NativeUse.beginClient()
            is CoreLog -> return cleaner.register(value, cleanUpTask) // Its forwarder is counted.
            else -> NativeUse.begin()
        }
        return cleaner.register(value, Counted(cleanUpTask))
    }
}

/** Releases an object; a cleaner runs it once. It must not hold the object itself. */
private class Counted(private val task: Runnable) : Runnable {
    override fun run() {
        try {
            task.run()
        } finally {
            NativeUse.end()
        }
    }
}

/**
 * What JNA leaves in threads and never takes back. It offers no way to, so its private fields are used; where that is
 * not possible (another JNA, a module path), it is left as it is, and only a class loader is not collected.
 */
internal object JnaThreads {
    private val queue = field(Cleaner::class.java, "referenceQueue")
    private val thread = field(Cleaner::class.java, "cleanerThread")
    private val ofThreads =
        listOf("busy", "reads").mapNotNull { name ->
            runCatching { field(Structure::class.java, name)?.get(null) as? ThreadLocal<*> }.getOrNull()
        }

    /** Ends the cleaner's thread. JNA starts another one when it has something to be cleaned again. */
    fun endCleaner() {
        val queue = queue ?: return
        val thread = thread ?: return
        try {
            val cleaner = Cleaner.getCleaner()
            synchronized(queue.get(cleaner)) {
                val running = thread.get(cleaner) as? Thread ?: return
                thread.set(cleaner, null)
                running.interrupt()
            }
        } catch (ignored: ReflectiveOperationException) {
            // It runs on, as it would without this.
        }
    }

    /** Takes JNA's notes out of the thread that calls, which may live longer than the class loader. */
    fun forgetThisOne() = ofThreads.forEach(ThreadLocal<*>::remove)

    private fun field(of: Class<*>, name: String) =
        runCatching { of.getDeclaredField(name).apply { isAccessible = true } }.getOrNull()
}
