package me.secondme.avatar

import me.secondme.avatar.core.CoreNote

/** A small text that the program keeps with a visitor: see [AvatarClient.setNote]. */
public class Note internal constructor(
    /** The visitor, with the name, channel and tag that the note was last written with. */
    public val visitor: Visitor,
    /** Under which it is found. A visitor has one note under a key. */
    public val key: String,
    /** The text. */
    public val text: String,
) {
    override fun toString(): String = "Note(${visitor.id}, $key, ${text.length} characters)"

    internal companion object {
        fun of(core: CoreNote) = Note(Visitor.of(core.visitor), core.key, core.text)
    }
}

/**
 * An id for a message, `{random}_____{milliseconds}` with the present time, for the parameter `messageId` of
 * [Conversation.ask], [Conversation.stream], [Conversation.send] and [Conversation.sendDurable].
 */
public fun newMessageId(): String = guarded { me.secondme.avatar.core.newMessageId() }
