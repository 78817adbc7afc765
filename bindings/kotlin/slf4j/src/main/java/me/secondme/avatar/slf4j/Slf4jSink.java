package me.secondme.avatar.slf4j;

import me.secondme.avatar.LogLevel;
import me.secondme.avatar.LogRecord;
import me.secondme.avatar.LogSink;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives the library's log to SLF4J, by being on the class path. The loggers are {@code
 * me.secondme.avatar} and those below it, such as {@code me.secondme.avatar.socket}. The level that
 * {@code me.secondme.avatar} has when the first client is made is the one from which on the library
 * writes anything at all; {@code SECONDME_LOG} overrides it.
 */
public final class Slf4jSink implements LogSink {
    private static final String NAME = "me.secondme.avatar";

    /** For the service loader. */
    public Slf4jSink() {}

    @Override
    public String getFilter() {
        return "secondme_avatar=" + level(LoggerFactory.getLogger(NAME));
    }

    private static String level(Logger logger) {
        if (logger.isTraceEnabled()) {
            return "trace";
        }
        if (logger.isDebugEnabled()) {
            return "debug";
        }
        if (logger.isInfoEnabled()) {
            return "info";
        }
        if (logger.isWarnEnabled()) {
            return "warn";
        }
        return logger.isErrorEnabled() ? "error" : "off";
    }

    @Override
    public void log(LogRecord record) {
        Logger logger = LoggerFactory.getLogger(name(record.getTarget()));
        String message = record.getMessage();
        LogLevel level = record.getLevel();
        if (level == LogLevel.ERROR) {
            logger.error(message);
        } else if (level == LogLevel.WARN) {
            logger.warn(message);
        } else if (level == LogLevel.INFO) {
            logger.info(message);
        } else if (level == LogLevel.DEBUG) {
            logger.debug(message);
        } else {
            logger.trace(message);
        }
    }

    /**
     * {@code secondme_avatar::socket} is {@code me.secondme.avatar.socket}; another crate's is
     * below that too.
     */
    static String name(String target) {
        String own = "secondme_avatar";
        String below = target.startsWith(own) ? target.substring(own.length()) : "_" + target;
        return NAME + (below.startsWith("_") ? "." + below.substring(1) : below).replace("::", ".");
    }
}
