package me.secondme.avatar

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import me.secondme.avatar.core.CoreConversation
import me.secondme.avatar.core.CoreMessage
import me.secondme.avatar.core.CoreQuestion
import kotlin.time.Duration

/**
 * A conversation with the avatar. It continues when no reference to it is left, and ends with [close], [end], or the
 * client. Opening the visitor again returns it again.
 *
 * Every `suspend` function is cancellable. Its work in the library is then given up; a message that has already been
 * sent stays sent.
 */
public class Conversation internal constructor(core: CoreConversation, private val dependents: Dependents) {
    private val held = Held(core, "the conversation is closed: open it again with `client.open(visitor)`")

    @Volatile
    private var lastSession: String? = null

    /** Which one of the visitor's conversations; the first is 0. */
    public val key: Int = core.key().toInt()

    /** Who talks with the avatar here. */
    public val visitorId: String = core.visitorId()

    /** The visitor's [tag][Visitor.tag], as it was when this was opened. */
    public val tag: String? = core.tag()

    /** The avatar's opening line; may be empty. */
    public val opening: String = core.opening()

    /** The avatar's name; may be empty. */
    public val avatarName: String = core.avatarName()

    // Held weakly there, so held here.
    private val dependent = Dependent { release() }

    init {
        dependents.add(dependent)
    }

    /** The session's id on the service. */
    public val sessionId: String? get() = held.orElse({ lastSession }) { it.sessionId() }

    /**
     * Whether the avatar's owner has the conversation: has said something in person, and the avatar nothing since
     * ([Event.TakenOver], [Event.HandedBack]).
     *
     * Questions are not held back meanwhile: the owner may answer several at once, or none. One that the owner does
     * not answer in time fails with [AvatarException.TakenOver].
     */
    public val takenOver: Boolean get() = held.orElse({ false }) { it.takenOver() }

    /** Where the conversation stands. */
    public val state: State get() = held.orElse({ State.CLOSED }) { it.state().toState() }

    /**
     * What happens in this conversation, from the start of the collection. Every collection is a subscription of its own.
     * Use [subscribe] to receive from now on, or to go on after a collection.
     */
    public val events: Flow<Event> = flow { subscribe().use { subscription -> subscription.events.collect(this) } }

    /** Subscribes to what happens in this conversation from now on. With [raw], events carry their frames. */
    public fun subscribe(raw: Boolean = false): Subscription = Subscription(held.call { it.events(raw) }, dependents)

    /**
     * Tells a listener what happens from now on, on this dispatcher, until what this returns is closed. An executor
     * beneath it that refuses a task ends this: the log says so, and a `RejectedExecutionException` goes to the handler
     * for uncaught exceptions.
     */
    public fun listen(dispatcher: CoroutineDispatcher, listener: ConversationListener): AutoCloseable =
        subscribe().tell(listener, dispatcher)

    /**
     * The next event of this type for which [where] returns `true`, from now on:
     * `chat.waitFor<Event.OwnerReply>(timeout = 1.minutes)`. Where the event may happen at once, [subscribe] first and
     * wait on the subscription.
     *
     * @param timeout default: none.
     * @throws AvatarException.Deadline if it does not come in this time.
     * @throws AvatarException.Closed if the conversation is closed before it comes.
     */
    public suspend inline fun <reified E : Event> waitFor(
        timeout: Duration? = null,
        where: (E) -> Boolean = { true },
    ): E = subscribe().use { it.waitFor(timeout, where) }

    /**
     * Sends a message and returns the whole reply, the avatar's or its owner's. Questions of one conversation are answered
     * in order. The reply comes as an event as well, before this returns: see [Reply.asked].
     *
     * @param deadline the time limit for all of it. Default: [ClientOptions.askDeadline].
     * @param firstPieceDeadline how long the first piece may take. Default: [ClientOptions.firstPieceDeadline].
     * @param collect waits for all messages of the avatar's turn, which is over when the avatar has been silent for so
     * long. The reply has their texts, each on a line of its own, and their parts, sources and speech in order. Without
     * it the first message is the answer, and the others come as events.
     * @param messageId the id under which the question goes out; [newMessageId] makes one. A program that keeps it before
     * it asks finds out after a crash whether the service took the question: [history] has it under this id. One of
     * another form, or under which a message of this visitor has gone out or waits, is an [AvatarException.Misuse], and
     * nothing is sent. Visitor Chat takes no ids: there it names the message in this client only.
     */
    public suspend fun ask(
        text: String,
        deadline: Duration? = null,
        firstPieceDeadline: Duration? = null,
        collect: Duration? = null,
        messageId: String? = null,
    ): Reply = held.await { core, cancel ->
        core.ask(question(text, deadline, firstPieceDeadline, collect, messageId), cancel)
    }.toReply()

    /**
     * Sends a message when the stream is collected, and emits the reply piece by piece. Each piece has its author: the
     * avatar, or its owner who takes over. Afterwards the whole reply is [ReplyStream.reply].
     */
    public fun stream(
        text: String,
        deadline: Duration? = null,
        firstPieceDeadline: Duration? = null,
        collect: Duration? = null,
        messageId: String? = null,
    ): ReplyStream = ReplyStream {
        held.call { it.stream(question(text, deadline, firstPieceDeadline, collect, messageId)) }
    }

    /**
     * Sends a message, and returns when the service has taken it. While the socket is down the message waits. A lost
     * answer does not send it twice, unless [ClientOptions.delivery] says so. A message that is given up comes back with
     * the exception: [AvatarException.unsent].
     */
    public suspend fun send(text: String, deadline: Duration? = null, messageId: String? = null): Sent =
        held.await { core, cancel ->
            core.send(message(text, deadline, messageId), cancel)
        }.toSent()

    /**
     * Keeps a message in the client's [store][ClientOptions.store] until the service has taken it, and returns its id
     * once it is kept: from then on it survives the process. [Event.Delivered] tells that the service has it, and
     * [Event.Unsent] that it was given up.
     */
    public suspend fun sendDurable(text: String, deadline: Duration? = null, messageId: String? = null): String =
        held.await { core, cancel ->
            core.sendDurable(message(text, deadline, messageId), cancel)
        }

    /** The last [count] messages (1 to 1000), oldest first; with [before], those before that [HistoryMessage.seqId]. */
    public suspend fun history(count: Int = 50, before: String? = null): List<HistoryMessage> =
        held.await { core, cancel ->
            core.history(count.toCount("count", "1 to 1000"), before?.whole("seqId"), cancel)
        }.map { it.toHistoryMessage() }

    /** Opens another conversation of the same visitor, with a session of its own, on the same socket. */
    public suspend fun newSession(): Conversation =
        Conversation(held.await { core, cancel -> core.newSession(cancel) }, dependents)

    /**
     * Closes the socket and keeps the session, for an app that goes to the background. What is said meanwhile comes
     * after [resume]. Other conversations of the visitor are paused with it.
     */
    public suspend fun pause(): Unit = held.awaitClosing { it.pause(null) }

    /** Connects again after a [pause]. The next message does so too. */
    public suspend fun resume(): Unit = held.await { core, cancel -> core.resume(cancel) }

    /** Tells that the network has changed: the socket is connected again now, and not when its silence is noticed. */
    public suspend fun networkChanged(): Unit = held.await { core, cancel -> core.networkChanged(cancel) }

    /**
     * Closes the conversation after sending what is still to be sent, within [ClientOptions.closeDeadline]. Opening the
     * visitor again goes on with the same session.
     */
    public suspend fun close(): Unit = over { it.leave(null) }

    /** Closes the conversation and ends its session on the service: the next `open` begins a new one. */
    public suspend fun end(): Unit = over { it.end(null) }

    private suspend fun over(closing: suspend (CoreConversation) -> Unit) = guarded {
        held.orElse({}) {
            lastSession = it.sessionId()
            offRust { closing(it) }
            held.release()
        }
    }

    /** Lets go of it: its client is closed. */
    private fun release() {
        lastSession = lastSession ?: sessionId
        held.release()
    }

    override fun toString(): String = "Conversation($visitorId, $state)"
}

private fun question(text: String, deadline: Duration?, firstPiece: Duration?, collect: Duration?, id: String?) =
    CoreQuestion(
        text = text.whole(),
        deadlineMs = deadline?.toMs(),
        firstPieceDeadlineMs = firstPiece?.toMs("firstPieceDeadline"),
        collectMs = collect?.toMs("collect"),
        messageId = id?.whole("message id"),
    )

private fun message(text: String, deadline: Duration?, id: String?) =
    CoreMessage(text.whole(), deadline?.toMs(), id?.whole("message id"))
