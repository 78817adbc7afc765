package me.secondme.avatar

import me.secondme.avatar.core.CoreAuthor
import me.secondme.avatar.core.CoreConfirmation
import me.secondme.avatar.core.CoreEnded
import me.secondme.avatar.core.CoreMessage
import me.secondme.avatar.core.CorePart
import me.secondme.avatar.core.CoreReply
import me.secondme.avatar.core.CoreSent

/** Who says something. */
public enum class Author {
    /** The avatar: the AI. */
    AVATAR,

    /** The avatar's owner, in person. */
    OWNER,

    /** The visitor. */
    VISITOR,
}

/** How the end of a reply was known. */
public enum class Ended {
    /** It came whole. */
    WHOLE,

    /** By the service's end mark. */
    MARK,

    /** By silence: the end mark never came. */
    SILENCE,

    /** It was longer than is put together; what follows is another reply under the same id. */
    LIMIT,
}

/**
 * A whole reply, by the avatar or by its owner.
 *
 * @property id its id; the pieces of a streamed reply share it.
 * @property author who says it.
 * @property text all its text.
 * @property parts its text and its cards, in order.
 * @property sources what it draws on, each as the service's JSON.
 * @property speech audio clips of it, each as the service's JSON.
 * @property inReplyTo the message that it answers, where that is certain: the service does not name it. `null` where
 * another message, to which no answer has come, may be meant as well.
 * @property ended how its end was known.
 * @property asked whether an `ask` or a `stream` receives this reply as well: who reads events and asks hears it twice,
 * and passes over the events that say so.
 */
public class Reply internal constructor(
    public val id: String?,
    public val author: Author,
    public val text: String,
    public val parts: List<Part>,
    public val sources: List<String>,
    public val speech: List<String>,
    public val inReplyTo: String?,
    public val ended: Ended,
    public val asked: Boolean,
) {
    override fun toString(): String = "Reply($id, $author, ${text.length} characters)"
}

/** A part of a reply. */
public sealed class Part {
    /** Text. */
    public class Text internal constructor(public val text: String) : Part()

    /**
     * A card: something that an app shows otherwise than as text.
     *
     * @property template the kind of card, such as `StandardCard`, `image` or `citation`.
     * @property params its parameters, as JSON.
     */
    public class Card internal constructor(public val template: String, public val params: String) : Part()
}

/**
 * A piece of a reply.
 *
 * @property author who says it: the avatar, or its owner in person.
 * @property text the next piece of the text.
 */
public class Piece internal constructor(public val author: Author, public val text: String)

/**
 * A message of the past.
 *
 * @property seqId hand it to the next `history` call to get what came before.
 * @property timestampMs when, in milliseconds since the Unix epoch, where the service says so.
 */
public class Message internal constructor(
    public val id: String?,
    public val seqId: String?,
    public val author: Author,
    public val text: String,
    public val parts: List<Part>,
    public val timestampMs: Long?,
) {
    override fun toString(): String = "Message($id, $author, ${text.length} characters)"
}

/**
 * The service has taken a message.
 *
 * @property messageId its id; a reply names it in `inReplyTo`.
 * @property confirmedBy how it is known.
 */
public class Sent internal constructor(public val messageId: String, public val confirmedBy: Confirmation) {
    override fun toString(): String = "Sent($messageId, $confirmedBy)"
}

/** How it is known that the service took a message. */
public enum class Confirmation {
    /** It answered so. */
    ANSWER,

    /** Its echo came over the socket. */
    ECHO,

    /** It was found among the session's messages. */
    QUERY,

    /** The avatar answered it. */
    REPLY,
}

internal fun CoreReply.toReply() =
    Reply(id, author.toAuthor(), text, parts.map { it.toPart() }, sources, speech, inReplyTo, ended.toEnded(), asked)

internal fun CoreMessage.toMessage() =
    Message(id, seqId, author.toAuthor(), text, parts.map { it.toPart() }, timestampMs?.toLong())

internal fun CoreSent.toSent() = Sent(
    messageId,
    when (confirmedBy) {
        CoreConfirmation.ANSWER -> Confirmation.ANSWER
        CoreConfirmation.ECHO -> Confirmation.ECHO
        CoreConfirmation.QUERY -> Confirmation.QUERY
        CoreConfirmation.REPLY -> Confirmation.REPLY
    },
)

internal fun CoreAuthor.toAuthor() = when (this) {
    CoreAuthor.AVATAR -> Author.AVATAR
    CoreAuthor.OWNER -> Author.OWNER
    CoreAuthor.VISITOR -> Author.VISITOR
}

private fun CorePart.toPart() = when (this) {
    is CorePart.Text -> Part.Text(text)
    is CorePart.Card -> Part.Card(template, params)
}

private fun CoreEnded.toEnded() = when (this) {
    CoreEnded.WHOLE -> Ended.WHOLE
    CoreEnded.MARK -> Ended.MARK
    CoreEnded.SILENCE -> Ended.SILENCE
    CoreEnded.LIMIT -> Ended.LIMIT
}
