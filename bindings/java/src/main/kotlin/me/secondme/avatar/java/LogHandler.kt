package me.secondme.avatar.java

import java.util.function.Consumer
import me.secondme.avatar.AvatarLog as KotlinLog

/** The log's handler, which in Kotlin is a function. In Java, this package alone sees it. */
@Suppress("unused")
private object LogHandler {
    @JvmStatic
    fun set(handler: Consumer<LogRecord>?) {
        KotlinLog.handler = handler?.let { given ->
            { given.accept(LogRecord(LogLevel.valueOf(it.level.name), it.target, it.message)) }
        }
    }
}
