package me.secondme.avatar

import java.time.Instant
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

// Values as they cross the border.

/** Milliseconds; [name] is the option or the argument, and [wanted] what it may be. */
internal fun Duration.toMs(name: String = "deadline", wanted: String = "0 or more"): ULong {
    if (isNegative()) throw misuse("`$name` is $this: choose $wanted")
    return inWholeMilliseconds.toULong()
}

/** A duration that came as milliseconds. */
internal fun ULong.toDuration(): Duration = toLong().milliseconds

/** A point in time that came as milliseconds since the Unix epoch. */
internal fun ULong.toInstant(): Instant = Instant.ofEpochMilli(toLong())

/** A number of things; [name] is the option or the argument, and [wanted] what it may be. */
internal fun Int.toCount(name: String, wanted: String = "0 or more"): UInt =
    if (this < 0) throw misuse("`$name` is $this: choose $wanted") else toUInt()

/** A text that goes to the core, if it can be written in UTF-8. */
internal fun String.whole(what: String = "text"): String {
    if (Charsets.UTF_8.newEncoder().canEncode(this)) return this
    throw misuse("the $what has half of a surrogate pair: it was cut in the middle of a character, so cut it elsewhere")
}
