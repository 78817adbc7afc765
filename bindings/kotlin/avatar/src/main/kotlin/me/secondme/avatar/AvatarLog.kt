package me.secondme.avatar

import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.launch
import me.secondme.avatar.core.CoreLog
import me.secondme.avatar.core.CoreLogLevel
import me.secondme.avatar.core.CoreLogRecord
import me.secondme.avatar.core.installLog

/**
 * The library's log. It goes nowhere until it is given a handler, whatever logging the program has:
 *
 * ```
 * AvatarLog.handler = { record -> Log.println(record.level.priority, record.target, record.message) }
 * ```
 *
 * It holds neither secrets nor what anybody says.
 */
public object AvatarLog {
    /**
     * What is logged, unless `SECONDME_LOG` says otherwise: `debug`, or `warn,secondme_avatar::socket=trace`. It counts
     * when the first [handler] is set.
     */
    @Volatile
    public var filter: String = "secondme_avatar=info"

    /** Is given each record, on a background thread, one at a time. It may block, but must not throw. */
    @Volatile
    public var handler: ((LogRecord) -> Unit)? = null
        set(value) {
            field = value
            if (value != null) isForwarding
        }

    /** One forwarder for the life of the process. `false` where something else in it collects the core's log. */
    private val isForwarding: Boolean by lazy {
        NativeCode.load()
        val log = installLog(filter)
        if (log != null) {
            CoroutineScope(SupervisorJob() + Dispatchers.IO + CoroutineName("secondme-avatar-log")).launch {
                forward(log)
            }
        }
        log != null
    }

    private suspend fun forward(log: CoreLog) {
        while (log.ready()) {
            val batch = log.drain(256u)
            if (batch.lost > 0u) {
                handler?.invoke(LogRecord(LogLevel.WARN, "secondme_avatar", "${batch.lost} log records were lost"))
            }
            batch.records.forEach { handler?.invoke(it.toRecord()) }
        }
    }
}

/**
 * A line of the log.
 *
 * @property level how bad it is.
 * @property target who says it, such as `secondme_avatar::socket`.
 * @property message what, with its fields behind it.
 */
public class LogRecord internal constructor(
    public val level: LogLevel,
    public val target: String,
    public val message: String,
) {
    override fun toString(): String = "$level $target: $message"
}

/** How bad it is. */
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
