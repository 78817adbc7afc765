package me.secondme.avatar.java;

/**
 * A line of the log.
 *
 * @param level how severe it is.
 * @param target the part of the library, such as {@code secondme_avatar::socket}.
 * @param message the text, with its fields at the end.
 */
public record LogRecord(LogLevel level, String target, String message) {
    @Override
    public String toString() {
        return level + " " + target + ": " + message;
    }
}
