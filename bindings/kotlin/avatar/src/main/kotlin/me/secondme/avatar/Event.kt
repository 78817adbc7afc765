package me.secondme.avatar

import me.secondme.avatar.core.CoreBatch
import me.secondme.avatar.core.CoreCloseReason
import me.secondme.avatar.core.CoreEventKind
import me.secondme.avatar.core.CoreGap
import me.secondme.avatar.core.CoreNoticeKind
import me.secondme.avatar.core.CorePlace
import me.secondme.avatar.core.CoreState
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/** Something that happened in one conversation. */
public sealed class Event private constructor(origin: Origin) {
    private val place = origin.place

    /** The visitor. */
    public val visitorId: String get() = place.visitorId

    /** The session, once the service has named it. */
    public val sessionId: String? get() = place.sessionId

    /** The visitor's [tag][Visitor.tag]. */
    public val tag: String? get() = place.tag

    /** Which conversation of this visitor, where it is one: [Conversation.key]. */
    public val conversation: Int? get() = place.conversation?.toInt()

    /** The frame it came from, as JSON, where it came from one and `subscribe(raw = true)` asked for it. */
    public val raw: String? = origin.raw

    override fun toString(): String = "${javaClass.simpleName}($visitorId)"

    /**
     * The conversation is open: messages can be sent.
     *
     * @property opening the avatar's opening line; may be empty.
     * @property resumed whether it goes on with a session that was there before.
     */
    public class Opened internal constructor(origin: Origin, public val opening: String, public val resumed: Boolean) :
        Event(origin)

    /** The conversation's state is another one. */
    public class StateChanged internal constructor(origin: Origin, public val from: State, public val to: State) :
        Event(origin)

    /**
     * The next piece of the avatar's reply. A whole reply is one piece.
     *
     * @property replyId the reply it belongs to.
     * @property text the next piece of its text; empty where a piece is a card.
     * @property inReplyTo the message that it answers, where that is certain.
     * @property asked whether an `ask` or a `stream` receives this reply as well.
     */
    public class ReplyDelta internal constructor(
        origin: Origin,
        public val replyId: String?,
        public val text: String,
        public val inReplyTo: String?,
        public val asked: Boolean,
    ) : Event(origin)

    /**
     * A whole reply, by the avatar or by its owner. One that an `ask` or a `stream` waits for comes as an event too,
     * before that call returns: see [Reply.asked].
     *
     * @property reply what is said, and by whom.
     */
    public sealed class WholeReply(origin: Origin, public val reply: Reply) : Event(origin)

    /** The avatar's reply is complete. */
    public class AvatarReply internal constructor(origin: Origin, reply: Reply) : WholeReply(origin, reply)

    /** The avatar's owner says something in person. */
    public class OwnerReply internal constructor(origin: Origin, reply: Reply) : WholeReply(origin, reply)

    /**
     * The avatar's owner has the conversation: the avatar may be silent from now on. Comes before the first
     * [OwnerReply].
     */
    public class TakenOver internal constructor(origin: Origin) : Event(origin)

    /** The avatar speaks again: the owner has given the conversation back. Comes before what the avatar says. */
    public class HandedBack internal constructor(origin: Origin) : Event(origin)

    /** The service has sent a visitor's message back: it stands in the conversation. */
    public class Delivered internal constructor(
        origin: Origin,
        public val messageId: String?,
        public val text: String,
    ) : Event(origin)

    /**
     * A message is given up for which no call waits any more: a durable one, say.
     *
     * @property message here it is back.
     * @property error why.
     */
    public class UnsentMessage internal constructor(
        origin: Origin,
        public val message: Unsent,
        public val error: AvatarException,
    ) : Event(origin)

    /** A message of the service that is no reply: a hint, a recommendation, a notification. */
    public class Notice internal constructor(origin: Origin, public val kind: NoticeKind, public val text: String) :
        Event(origin)

    /**
     * The service says that something failed.
     *
     * @property code the service's code; empty where it gives none.
     * @property reason the service's own words.
     * @property actions what the service offers to do about it, each as JSON.
     * @property messageId the message it is about, where it is about one.
     * @property retryable whether the same message may succeed later.
     */
    public class ServiceError internal constructor(
        origin: Origin,
        public val code: String,
        public val reason: String?,
        public val actions: List<String>,
        public val messageId: String?,
        public val retryable: Boolean,
    ) : Event(origin)

    /** A text that came without saying for which of the visitor's open conversations. */
    public class Unattributed internal constructor(
        origin: Origin,
        public val author: Author,
        public val text: String,
    ) : Event(origin)

    /**
     * The socket is lost; it is connected again on its own.
     *
     * @property retryIn when the next attempt is made. Not before that; perhaps later.
     * @property cause why it was lost, or why the last attempt to connect again failed.
     */
    public class Disconnected internal constructor(
        origin: Origin,
        public val retryIn: Duration,
        public val cause: AvatarException,
    ) : Event(origin)

    /** The socket is back. */
    public class Reconnected internal constructor(origin: Origin, public val gap: Gap) : Event(origin)

    /** The quota of the API key is used up, and opening waits for it, as it looks now for [wait]. */
    public class WaitingForQuota internal constructor(origin: Origin, public val wait: Duration) : Event(origin)

    /** The conversation is closed. No event follows this one. */
    public class Closed internal constructor(origin: Origin, public val reason: CloseReason) : Event(origin)

    /** A frame that stands for nothing else here. See [raw]. */
    public class Unknown internal constructor(origin: Origin) : Event(origin)

    /** Where an event comes from: the library's own, and public for the sake of [WholeReply] alone. */
    public class Origin internal constructor(internal val place: CorePlace, internal val raw: String?)
}

/** Where a conversation stands. */
public enum class State {
    /** Being opened for the first time. */
    OPENING,

    /** Open: messages are sent and replies arrive. */
    LIVE,

    /** Was open, and is on its way back. */
    RECONNECTING,

    /** Has given up its socket on purpose and keeps its place; wakes on the next message. */
    RESTING,

    /** Sends what is still to be sent, then closes. */
    CLOSING,

    /** Closed for good. */
    CLOSED,
}

/** What a notice is. */
public enum class NoticeKind {
    /** A grey line in the conversation. */
    HINT,

    /** Something the visitor might ask next. */
    RECOMMEND,

    /** A task of the avatar. */
    TASK,

    /** A notification of the service. */
    NOTICE,
}

/** What became of the frames that came while the socket was down. */
public sealed class Gap {
    /** There were some, and they have been handed on. */
    public class Filled internal constructor(public val frames: Int) : Gap() {
        override fun toString(): String = "Filled($frames)"
    }

    /** There were none. */
    public data object None : Gap()

    /** The service could not be asked. Something may be missing: `history` may have it. */
    public data object Unknown : Gap()
}

/** Why a conversation closed. */
public sealed class CloseReason {
    /** The caller closed it. */
    public data object Requested : CloseReason()

    /** The service ended the session. The next `open` makes a new one. */
    public data object SessionEnded : CloseReason()

    /** It could not be opened, or could not go on. */
    public class Failed internal constructor(public val error: AvatarException) : CloseReason()
}

internal fun CoreBatch.toEvents(): List<Event> =
    events.map { event -> event.kind.toEvent(Event.Origin(places[event.place.toInt()], event.raw)) }

internal fun CoreState.toState() = when (this) {
    CoreState.OPENING -> State.OPENING
    CoreState.LIVE -> State.LIVE
    CoreState.RECONNECTING -> State.RECONNECTING
    CoreState.RESTING -> State.RESTING
    CoreState.CLOSING -> State.CLOSING
    CoreState.CLOSED -> State.CLOSED
}

private fun CoreEventKind.toEvent(at: Event.Origin) = when (this) {
    is CoreEventKind.Opened -> Event.Opened(at, opening, resumed)
    is CoreEventKind.StateChanged -> Event.StateChanged(at, from.toState(), to.toState())
    is CoreEventKind.ReplyDelta -> Event.ReplyDelta(at, replyId, text, inReplyTo, asked)
    is CoreEventKind.Reply -> Event.AvatarReply(at, reply.toReply())
    is CoreEventKind.OwnerReply -> Event.OwnerReply(at, reply.toReply())
    is CoreEventKind.TakenOver -> Event.TakenOver(at)
    is CoreEventKind.HandedBack -> Event.HandedBack(at)
    is CoreEventKind.Delivered -> Event.Delivered(at, messageId, text)
    is CoreEventKind.Unsent -> Event.UnsentMessage(at, Unsent(message), failure.toException())
    is CoreEventKind.Notice -> Event.Notice(at, kind.toKind(), text)
    is CoreEventKind.ServiceError -> Event.ServiceError(at, code, reason, actions, messageId, retryable)
    is CoreEventKind.Unattributed -> Event.Unattributed(at, author.toAuthor(), text)
    is CoreEventKind.Disconnected ->
        Event.Disconnected(at, retryInMs.toLong().milliseconds, cause.toException())
    is CoreEventKind.Reconnected -> Event.Reconnected(at, gap.toGap())
    is CoreEventKind.WaitingForQuota -> Event.WaitingForQuota(at, waitMs.toLong().milliseconds)
    is CoreEventKind.Closed -> Event.Closed(at, reason.toReason())
    is CoreEventKind.Unknown -> Event.Unknown(at)
}

private fun CoreNoticeKind.toKind() = when (this) {
    CoreNoticeKind.HINT -> NoticeKind.HINT
    CoreNoticeKind.RECOMMEND -> NoticeKind.RECOMMEND
    CoreNoticeKind.TASK -> NoticeKind.TASK
    CoreNoticeKind.NOTICE -> NoticeKind.NOTICE
}

private fun CoreGap.toGap() = when (this) {
    is CoreGap.Filled -> Gap.Filled(frames.toInt())
    is CoreGap.Nothing -> Gap.None
    is CoreGap.Unknown -> Gap.Unknown
}

private fun CoreCloseReason.toReason() = when (this) {
    is CoreCloseReason.Requested -> CloseReason.Requested
    is CoreCloseReason.SessionEnded -> CloseReason.SessionEnded
    is CoreCloseReason.Failed -> CloseReason.Failed(failure.toException())
}
