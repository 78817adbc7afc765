package me.secondme.avatar.java;

/** How severe a record of the log is, the most severe first. */
public enum LogLevel {
    /** An error. */
    ERROR,
    /** A warning. */
    WARN,
    /** What is of interest in production. */
    INFO,
    /** What is of interest in the search for a fault. */
    DEBUG,
    /** Everything. */
    TRACE
}
