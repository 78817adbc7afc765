package me.secondme.avatar

import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.launch
import me.secondme.avatar.core.CoreLog
import me.secondme.avatar.core.CoreLogLevel
import me.secondme.avatar.core.CoreLogRecord
import me.secondme.avatar.core.installLog
import java.util.ServiceConfigurationError
import java.util.ServiceLoader

/**
 * The library's log. With `secondme-avatar-slf4j` on the class path it goes to SLF4J by itself. Without such a [LogSink] it
 * goes nowhere until it is given a handler:
 *
 * ```
 * AvatarLog.handler = { record -> Log.println(record.level.priority, record.target, record.message) }
 * ```
 *
 * It holds neither secrets nor what people say.
 */
public object AvatarLog {
    /**
     * What a [handler] is given where `SECONDME_LOG` is not set: `debug`, or `warn,secondme_avatar::socket=trace`. It takes
     * effect when a handler is set.
     */
    @Volatile
    public var filter: String = "secondme_avatar=info"

    /**
     * Is given each record, on a background thread, one at a time. It may block. What it throws goes to that thread's
     * handler for uncaught exceptions, and the next record comes all the same. While it is `null`, a [LogSink] is given the
     * records, where there is one.
     */
    @Volatile
    public var handler: ((LogRecord) -> Unit)? = null
        set(value) {
            field = value
            // Begins anew, with the filter as it is now.
            if (value != null || sink != null) rest()
            if (value != null) NativeUse.during { NativeCode.load() }
        }

    /** Looked for once: what has the log where there is no handler. */
    private val sink: LogSink? by lazy {
        try {
            ServiceLoader.load(LogSink::class.java, LogSink::class.java.classLoader).firstOrNull()
        } catch (broken: ServiceConfigurationError) {
            report(broken)
            null
        }
    }

    /** Records come one at a time. */
    private val telling = Any()

    /** What is forwarded now. */
    @Volatile
    private var forwarded: CoreLog? = null

    /** Forwards the log, if it has somewhere to go and is not forwarded already. Called when something is in use. */
    internal fun resume() {
        if (forwarded != null || handler == null && sink == null) return
        NativeCode.load()
        val log =
            synchronized(this) {
                if (forwarded != null) return
                NativeUse.beginForwarder()
                val wanted = if (handler == null) sink?.filter ?: filter else filter
                installLog(wanted.whole("filter")).also { forwarded = it }
            }
        if (log == null) {
            // Something else in the process collects the core's log.
            NativeUse.endForwarder()
        } else {
            val scope = CoroutineScope(SupervisorJob() + elastic + CoroutineName("secondme-avatar-log"))
            scope.launch { forward(log) }
        }
    }

    /** Ends the forwarding until something is in use again. */
    internal fun rest() {
        val log = synchronized(this) { forwarded.also { forwarded = null } } ?: return
        // As long as this call is under way, it is in use.
        NativeUse.hold()
        try {
            log.finish()
        } finally {
            NativeUse.end()
        }
    }

    private suspend fun forward(log: CoreLog) {
        try {
            do {
                val goesOn = log.ready()
                val batch = log.drain(256u)
                if (batch.lost > 0u) {
                    tell(LogRecord(LogLevel.WARN, "secondme_avatar", "${batch.lost} log records were lost"))
                }
                batch.records.forEach { tell(it.toRecord()) }
            } while (goesOn)
            log.destroy()
        } finally {
            NativeUse.endForwarder()
        }
    }

    /** A record of this layer's own. */
    internal fun add(record: LogRecord) = tell(record)

    private fun tell(record: LogRecord) =
        synchronized(telling) { reportingWhatIsThrown { handler?.invoke(record) ?: sink?.log(record) } }
}

/**
 * Has the library's log while it has no [handler][AvatarLog.handler]. It is looked for with [ServiceLoader], so a jar on the
 * class path is enough: `secondme-avatar-slf4j` is one.
 */
public interface LogSink {
    /** What is logged where `SECONDME_LOG` is not set; asked each time that the log begins. See [AvatarLog.filter]. */
    public val filter: String

    /** A record, on a background thread, one at a time. It may block. */
    public fun log(record: LogRecord)
}

/**
 * A line of the log.
 *
 * @property level how severe it is.
 * @property target the part of the library, such as `secondme_avatar::socket`.
 * @property message the text, with its fields at the end.
 */
public class LogRecord internal constructor(
    public val level: LogLevel,
    public val target: String,
    public val message: String,
) {
    override fun toString(): String = "$level $target: $message"
}

/** How severe a record is. */
public enum class LogLevel { ERROR, WARN, INFO, DEBUG, TRACE }

private fun CoreLogRecord.toRecord() = LogRecord(
    when (level) {
        CoreLogLevel.ERROR -> LogLevel.ERROR
        CoreLogLevel.WARN -> LogLevel.WARN
        CoreLogLevel.INFO -> LogLevel.INFO
        CoreLogLevel.DEBUG -> LogLevel.DEBUG
        CoreLogLevel.TRACE -> LogLevel.TRACE
    },
    target,
    message,
)
