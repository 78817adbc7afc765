package me.secondme.avatar

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import me.secondme.avatar.core.CoreClient
import kotlin.time.Duration

/**
 * A client for one API key, that is for one avatar.
 *
 * ```
 * AvatarClient(apiKey).use { client ->
 *     val chat = client.open(Visitor.forUser("feishu", "ou_abc", name = "张三"))
 *     println(chat.opening)
 *     println(chat.ask("Hello, tell me about yourself").text)
 * }
 * ```
 *
 * This is the Avatar Open API. [visitorChat] makes a client that speaks through the service's other API; all that
 * follows is the same.
 */
public class AvatarClient private constructor(
    chosen: ClientOptions,
    give: (suspend (TokenRequest) -> String)? = null,
    make: (ClientOptions) -> CoreClient,
) {
    private val held: Held<CoreClient>
    private val dependents = Dependents()

    @Volatile
    private var finalStats: Stats? = null

    init {
        val core = guarded { make(chosen) }
        held = Held(core, "the client is closed: make another one")
        chosen.onCall?.let { told ->
            val calls = core.calls()
            background("calls") { calls.use { it.forEach(told) } }
        }
        give?.let { given ->
            val tokens = checkNotNull(core.tokens())
            background("tokens") { tokens.use { it.answerAll(given) } }
        }
    }

    /**
     * Makes a client. Nothing is sent yet.
     *
     * @param apiKey the avatar's API key; without it, `SECONDME_API_KEY`.
     */
    public constructor(apiKey: String? = null, options: ClientOptions.() -> Unit = {}) :
        this(ClientOptions().apply(options), make = { CoreClient(it.toCore(apiKey)) })

    /**
     * Opens the conversation of this visitor. A visitor who has one already gets the same one, and calls at the same time
     * share one opening. A conversation that was closed goes on with the same session.
     *
     * @param deadline the time limit, retries and waits included. Default: [ClientOptions.openDeadline].
     */
    public suspend fun open(visitor: Visitor, deadline: Duration? = null): Conversation =
        Conversation(held.await { core, cancel -> core.open(visitor.toCore(), deadline?.toMs(), cancel) }, dependents)

    /**
     * Gets a visitor's [Credentials], for an app that must not have the key. Nothing is opened.
     *
     * Give them to the user whose visitor this is and to no other: derive the visitor from the login that your server has
     * verified, never from the request. Each call counts in the key's quota, and waits for its slot.
     *
     * @param deadline the time limit, retries and waits included. Default: [ClientOptions.openDeadline].
     */
    public suspend fun authenticate(visitor: Visitor, deadline: Duration? = null): Credentials = Credentials.fromJson(
        held.await { core, cancel -> core.authenticate(visitor.toCore(), deadline?.toMs(), cancel) },
    )

    /**
     * Replaces the API key by another one of the same avatar, while conversations live. Later calls that show the key show
     * this one; the visitors' tokens live on, and what was being said goes on. Set it first, and disable the earlier key
     * then.
     *
     * @throws AvatarException.Misuse if the text cannot be a key, or if this client has none to replace.
     */
    public fun setApiKey(apiKey: String): Unit = held.call { it.setApiKey(apiKey.whole("API key")) }

    /**
     * Opens the conversation of every visitor for whom an earlier process left a durable message in the
     * [store][ClientOptions.store], and returns their ids. A message that is given up comes as an [Event.Unsent], so
     * subscribe to [events] first.
     *
     * @param all opens every visitor of the store who has a session. What the avatar's owner says to them is received
     * from then on, and so is what was said since the last process ended. [ClientOptions.maxLive] limits how many are
     * open afterwards.
     */
    public suspend fun recover(all: Boolean = false): List<String> =
        held.await { core, cancel -> core.recover(all, cancel) }

    /** The visitors that the [store][ClientOptions.store] knows, with their names and tags; none without a store. */
    public suspend fun known(): List<Visitor> = held.await { core, cancel -> core.known(cancel) }.map(Visitor::of)

    /**
     * Copies the [store][ClientOptions.store] to this file while it is in use. The copy is a whole store as of this
     * moment, and replaces an earlier copy. Use only one of the two afterwards: messages that are still to be sent are in
     * both. Do not copy a store's file by other means while it is open.
     *
     * @throws AvatarException.Unsupported without a store.
     * @throws AvatarException.Store if the file cannot be written, is in use, or is anything else than a store.
     */
    public suspend fun backup(path: String): Unit =
        held.await { core, cancel -> core.backup(path.whole("backup's path"), cancel) }

    /**
     * Deletes everything that the [store][ClientOptions.store] holds of this visitor: ids and token, messages that are
     * still to be sent, notes, claims. When it returns, nothing of it is in the store's files. A visitor of whom there is nothing
     * is no error.
     *
     * An open conversation of the visitor is closed first, at once: what was still to be sent is not, and durable messages
     * are deleted. Opening the visitor again begins a new session. This store only: nothing is deleted at the service, in
     * [backups][backup], or in logs.
     *
     * The file is written anew, which takes a moment for each 10,000 visitors in it: to delete many, use [forgetIdle]. A
     * client without a store forgets what it has in memory.
     *
     * @throws AvatarException.Store if another client of the same store, in this process or in another one, has the
     * visitor open or has messages of the visitor to send: then nothing is deleted, and the conversation here is closed all
     * the same. So it does if the bytes cannot be removed, since another program reads the file or the disk is full: then
     * call it again.
     */
    public suspend fun forget(visitor: Visitor): Unit =
        held.await { core, cancel -> core.forget(visitor.toCore(), cancel) }

    /**
     * Everything that the [store][ClientOptions.store] holds of this visitor, as a JSON text in which secrets are left out:
     * for a person who asks what is kept. Of a visitor of whom there is nothing, `holds_data` is `false`.
     *
     * @throws AvatarException.Store if the store cannot be read.
     * @throws AvatarException.Unsupported without a store.
     */
    public suspend fun export(visitor: Visitor): String =
        held.await { core, cancel -> core.export(visitor.toCore(), cancel) }

    /**
     * Forgets all visitors of whom nothing was written to the [store][ClientOptions.store] for longer than this, and
     * returns how many. The option [retention][ClientOptions.retention] does the same by itself. Visitors with an open
     * conversation, in this client or in another one of the same store, and those with a durable message whose deadline has
     * not passed, are not idle.
     *
     * @throws AvatarException.Store as [forget] does, except that visitors in use are passed over.
     * @throws AvatarException.Unsupported without a store.
     */
    public suspend fun forgetIdle(longerThan: Duration): Long =
        held.await { core, cancel -> core.forgetIdle(longerThan.toMs("longerThan"), cancel) }.toLong()

    /**
     * Writes a note: a small text that the program keeps with this visitor, in place of the one under this key. When it
     * returns, the note outlives the process.
     *
     * Notes are in the [store][ClientOptions.store]: sealed where it is, in its [copies][backup] and [exports][export], and
     * [forgotten][forget] with the visitor. Without a store they are in memory until the client is closed. **Keys are not
     * sealed:** put no secret and no word of a person into a key. Where a store does not know the API key yet, the visitor
     * is authenticated first.
     *
     * @param key 1 to 200 bytes of UTF-8.
     * @param text at most 16 KiB of UTF-8.
     * @param lifetime after this time, more than zero, the note counts as deleted. Default: never.
     * @throws AvatarException.Misuse if one of the three is out of its bounds: then nothing is written.
     * @throws AvatarException.Store if the store cannot be written.
     */
    public suspend fun setNote(visitor: Visitor, key: String, text: String, lifetime: Duration? = null): Unit =
        held.await { core, cancel ->
            val lifetimeMs = lifetime?.toMs("lifetime", "more than 0")
            core.setNote(visitor.toCore(), key.whole("key"), text.whole(), lifetimeMs, cancel)
        }

    /**
     * Writes a note unless there is one under this key that has not expired, and returns whether it was written. Of
     * several that add the same note at the same time, one succeeds, also among the processes that use the same store
     * file. The parameters are those of [setNote].
     */
    public suspend fun addNote(visitor: Visitor, key: String, text: String, lifetime: Duration? = null): Boolean =
        held.await { core, cancel ->
            val lifetimeMs = lifetime?.toMs("lifetime", "more than 0")
            core.addNote(visitor.toCore(), key.whole("key"), text.whole(), lifetimeMs, cancel)
        }

    /** The text of the visitor's note under this key; `null` where there is none, or it has expired. */
    public suspend fun note(visitor: Visitor, key: String): String? =
        held.await { core, cancel -> core.note(visitor.toCore(), key.whole("key"), cancel) }

    /** Deletes the visitor's note under this key, and returns whether there was one that had not expired. */
    public suspend fun deleteNote(visitor: Visitor, key: String): Boolean =
        held.await { core, cancel -> core.deleteNote(visitor.toCore(), key.whole("key"), cancel) }

    /**
     * The notes of all visitors whose keys begin so, and that have not expired. The one that was first written longest ago
     * comes first; one that was replaced keeps its place. All notes, with an empty prefix.
     */
    public suspend fun notes(prefix: String): List<Note> =
        held.await { core, cancel -> core.notes(prefix.whole("prefix"), cancel) }.map(Note::of)

    /**
     * Makes a call of the service that this library does not know, and returns the `data` of the answer's envelope as a
     * JSON text, as the service wrote it; `null` in it where there is none.
     *
     * The [path] goes on after the base URL, such as `/rest/general/message/latest?sessionId=…`, and cannot lead elsewhere.
     * Nothing is sent twice but after the visitor's token was refused. [ClientOptions.onCall] is told of calls with a
     * visitor alone.
     *
     * @param method GET, POST, PUT, PATCH or DELETE.
     * @param body a JSON text, which goes out as it is.
     * @param visitor shows this visitor's token, renewed where it is refused. Default: the API key, with a slot of its
     * quota.
     * @param deadline the time limit, with the wait for the quota. Default: [ClientOptions.openDeadline].
     * @throws AvatarException.Misuse if the method is unknown, the path could lead to outside of the base URL, or the body
     * is not JSON: then nothing is sent.
     * @throws AvatarException.InvalidAnswer if the answer is not the service's envelope, such as a redirect.
     */
    public suspend fun request(
        method: String,
        path: String,
        body: String? = null,
        visitor: Visitor? = null,
        deadline: Duration? = null,
    ): String = held.await { core, cancel ->
        val given = body?.whole("body")
        core.request(method.whole("method"), path.whole("path"), given, visitor?.toCore(), deadline?.toMs(), cancel)
    }

    /**
     * What happens in all conversations, those that are opened later too, from the start of the collection. Use
     * [subscribe] to receive from now on, or to go on after a collection.
     */
    public val events: Flow<Event> = flow { subscribe().use { subscription -> subscription.events.collect(this) } }

    /** Subscribes to all conversations from now on. With [raw], events carry their frames. */
    public fun subscribe(raw: Boolean = false): Subscription = Subscription(held.call { it.events(raw) }, dependents)

    /**
     * The next event of this type for which [where] returns `true`, in any conversation, from now on.
     *
     * @param timeout default: none.
     * @throws AvatarException.Deadline if it does not come in this time.
     * @throws AvatarException.Closed if the client is closed before it comes.
     */
    public suspend inline fun <reified E : Event> waitFor(
        timeout: Duration? = null,
        where: (E) -> Boolean = { true },
    ): E = subscribe().use { it.waitFor(timeout, where) }

    /**
     * Tells a listener what happens in all conversations, on this dispatcher, until what this returns is closed. An
     * executor beneath it that refuses a task ends this: the log says so, and a `RejectedExecutionException` goes to the
     * handler for uncaught exceptions.
     */
    public fun listen(dispatcher: CoroutineDispatcher, listener: ConversationListener): AutoCloseable =
        subscribe().tell(listener, dispatcher)

    /** What has been counted so far. */
    public fun stats(): Stats = held.orElse({ finalStats ?: throw held.released() }) { it.stats().toStats() }

    /** Host and port of the proxy between this machine and the service; `null` if the connection is direct. */
    public val proxy: String? get() = held.call { it.proxy() }

    /**
     * Moves the client's clock forward, for tests. Heartbeats, deadlines and retries in between are due at once, and have
     * begun when this returns. Calls that are under way get their answers first, except those that take more than 0.1 s
     * of real time.
     */
    public fun advanceClock(by: Duration): Unit = held.call { it.advanceClock(by.toMs("by")) }

    /**
     * Closes all conversations, each after sending what is still to be sent. A message that could not be sent in time is
     * given back to the call that waits for it; a durable message stays in the store. Closing twice is no error.
     *
     * @param deadline the time for it. Default: 5 s, or [ClientOptions.closeDeadline].
     */
    public suspend fun close(deadline: Duration? = null): Unit = guarded {
        val deadlineMs = deadline?.toMs()
        held.orElse({}) {
            offRust { it.shutdown(deadlineMs, null) }
            finalStats = it.stats().toStats()
            held.release()
            dependents.releaseAll()
        }
    }

    /**
     * [close] for code that cannot suspend, such as the destroy method of a container. It blocks its thread until the
     * client is closed; in a coroutine, call [close] or [use].
     */
    public fun closeBlocking() {
        runBlocking { close() }
    }

    /**
     * Does something with the client, and [closes it][close] however that ends. A coroutine that is cancelled closes it
     * all the same.
     */
    public suspend inline fun <R> use(block: (AvatarClient) -> R): R {
        var thrown: Throwable? = null
        try {
            return block(this)
        } catch (failed: Throwable) {
            thrown = failed
            throw failed
        } finally {
            closeAfter(thrown)
        }
    }

    @PublishedApi
    internal suspend fun closeAfter(thrown: Throwable?) {
        try {
            withContext(NonCancellable) { close() }
        } catch (failed: AvatarException) {
            thrown?.addSuppressed(failed) ?: throw failed
        }
    }

    override fun toString(): String = "AvatarClient(${stats().visitors} visitors)"

    public companion object {
        /** The version of this library. */
        public const val VERSION: String = "0.1.0"

        /**
         * A client without an API key, for an app: [credentials] gives each visitor's [Credentials], which a server with
         * the key gets with [authenticate]. All the rest works as with a key. Nothing is sent yet.
         *
         * ```
         * val client = AvatarClient.withCredentials { request -> backend.credentials(anew = request.refused) }
         * val chat = client.open(backend.credentials(anew = false).visitor())
         * ```
         *
         * The visitor to open is the one that the credentials name: the server knows who its user is, and the app does not
         * choose. Through the Avatar Open API only: Visitor Chat wants the key in every call.
         *
         * @param credentials gives a visitor's credentials. It is asked once for each visitor of whom the client has none, in
         * its [store][ClientOptions.store] neither, and again when the service has refused them. Where it runs, its failures,
         * its time limit and its end are those of `token` in [visitorChat]. Credentials of another visitor than the one asked
         * for are an [AvatarException.Misuse].
         * @throws AvatarException.Misuse if an option cannot be.
         */
        public fun withCredentials(
            options: ClientOptions.() -> Unit = {},
            credentials: suspend (CredentialsRequest) -> Credentials,
        ): AvatarClient {
            val give: suspend (TokenRequest) -> String =
                { credentials(CredentialsRequest(it.visitorId, it.refused)).toJson() }
            return AvatarClient(ClientOptions().apply(options), give) { CoreClient.withCredentials(it.toCore(null)) }
        }

        /**
         * A client that speaks through Visitor Chat for users of the service, each with a token of their own. This is the
         * way for an app on a phone: neither a client secret nor anything that could make a token is in it.
         *
         * ```
         * val client = AvatarClient.visitorChat(apiKey) { request ->
         *     if (request.refused) backend.refreshToken() else backend.token()
         * }
         * ```
         *
         * @param apiKey the avatar's API key; without it, `SECONDME_API_KEY`.
         * @param token gives the access token of a user (`lba_at_…`). It is asked once for each visitor, and again when
         * the service has refused that visitor's token. It runs on [Dispatchers.IO], for up to 64 visitors at a time, and is
         * cancelled when the client is closed or no call waits for its token any more. It has 20 s to answer: after that
         * it is cancelled, and asked again within the deadlines of the calls that wait. What it throws is the error of the
         * calls that wait: an [AvatarException] keeps its kind, an [IOException][java.io.IOException] and a time limit
         * become [AvatarException.ConnectionFailed] and are tried again within the deadlines of those calls, and anything
         * else becomes [AvatarException.Authentication].
         * @throws AvatarException.Misuse if the key or an option cannot be.
         */
        public fun visitorChat(
            apiKey: String? = null,
            options: ClientOptions.() -> Unit = {},
            token: suspend (TokenRequest) -> String,
        ): AvatarClient = AvatarClient(ClientOptions().apply(options), token) {
            CoreClient.visitorChatWithTokens(it.toCore(apiKey))
        }

        /**
         * A client that speaks through Visitor Chat for an app that is registered with the service. It fetches the app's
         * token, shares it among all visitors, and renews it.
         *
         * For servers only: the client secret must not leave your backend. An app that holds it, an Android app too, gives
         * it to everyone who unpacks the app. There, call [visitorChat] with a function that gives the user's token.
         *
         * @param apiKey the avatar's API key; without it, `SECONDME_API_KEY`.
         * @throws AvatarException.Misuse if one of the three or an option cannot be.
         */
        public fun visitorChat(
            clientId: String,
            clientSecret: String,
            apiKey: String? = null,
            options: ClientOptions.() -> Unit = {},
        ): AvatarClient = AvatarClient(ClientOptions().apply(options)) {
            CoreClient.visitorChat(clientId.whole("client id"), clientSecret.whole("client secret"), it.toCore(apiKey))
        }

        /**
         * The same with `SECONDME_CLIENT_ID`, `SECONDME_CLIENT_SECRET` and `SECONDME_API_KEY`. For servers only.
         *
         * @throws AvatarException.Misuse if one of them is not set or cannot be.
         */
        public fun visitorChatFromEnvironment(options: ClientOptions.() -> Unit = {}): AvatarClient =
            AvatarClient(ClientOptions().apply(options)) { CoreClient.visitorChatFromEnv(it.toCore(null)) }
    }
}
