package me.secondme.avatar.java;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

import java.util.function.Consumer;

/**
 * The library's log. With {@code secondme-avatar-slf4j} on the class path it goes to SLF4J by
 * itself; otherwise it goes nowhere until it is given a handler:
 *
 * <pre>{@code
 * AvatarLog.setHandler(System.err::println);
 * }</pre>
 *
 * It holds neither secrets nor what people say.
 */
public final class AvatarLog {
    private AvatarLog() {}

    /**
     * What is logged where {@code SECONDME_LOG} is not set: {@code debug}, or {@code
     * warn,secondme_avatar::socket=trace}. It takes effect when a handler is set. Default: {@code
     * secondme_avatar=info}.
     */
    public static void setFilter(String filter) {
        me.secondme.avatar.AvatarLog.INSTANCE.setFilter(requireNonNull(filter, "filter"));
    }

    /**
     * Is given each record, on a background thread, one at a time. It may block. What it throws
     * goes to that thread's handler for uncaught exceptions, and the next record comes all the
     * same. With {@code null} the log goes where it went before.
     */
    public static void setHandler(@Nullable Consumer<LogRecord> handler) {
        LogHandler.set(handler);
    }
}
