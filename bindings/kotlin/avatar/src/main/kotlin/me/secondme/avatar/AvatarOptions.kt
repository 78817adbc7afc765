package me.secondme.avatar

import me.secondme.avatar.core.CoreDelivery
import me.secondme.avatar.core.CoreOptions
import kotlin.time.Duration

/**
 * What a client is like. What is left `null` is as the library has it.
 *
 * ```
 * val client = AvatarClient(apiKey) {
 *     maxLive = 500
 *     idleAfter = 10.minutes
 * }
 * ```
 */
public class AvatarOptions internal constructor() {
    /** Where the service is; else `SECONDME_BASE_URL`, and without that, production. */
    public var baseUrl: String? = null

    /** Takes plain `http` and `ws` to other machines too. The API key then travels in the open. */
    public var allowInsecure: Boolean = false

    /**
     * The proxy for HTTP and for the socket, `http://user:password@host:port`. Else the environment counts:
     * `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`.
     */
    public var proxy: String? = null

    /** Without a proxy, whatever the environment says. */
    public var noProxy: Boolean = false

    /** A PEM file of certificates to be trusted as well as the platform's; else `SECONDME_CA_FILE`. Not on Android. */
    public var caFile: String? = null

    /** Whether Mozilla's root certificates, built in, are trusted where the machine has none. */
    public var builtinRoots: Boolean = true

    /** Between two pings: 5 s to 15 s, which it is if not said otherwise. */
    public var heartbeat: Duration? = null

    /** Whether frames are acknowledged; they are, if not said otherwise. */
    public var acknowledge: Boolean? = null

    /** The silence that ends a reply whose end mark never comes; 3 s. */
    public var replyIdle: Duration? = null

    /** What becomes of a message of which nobody can tell whether the service took it; [Delivery.AT_MOST_ONCE]. */
    public var delivery: Delivery? = null

    /** How many events a subscription holds before the socket is read no further; 1024. */
    public var eventQueue: Int? = null

    /** How many authentications the API key has in a minute; 60. */
    public var quota: Int? = null

    /** How many visitors may hold a socket at a time. Where all do, the one idle the longest rests. */
    public var maxLive: Int? = null

    /** After how long an idle visitor gives up the socket; never, if not said otherwise. */
    public var idleAfter: Duration? = null

    /**
     * A SQLite file in which sessions and durable messages outlive the process. It holds the visitors' tokens: keep
     * it where only the app can read it.
     */
    public var store: String? = null

    /** The whole time of an `open`; 30 s. */
    public var openDeadline: Duration? = null

    /** The whole time of a `send`; 15 s. */
    public var sendDeadline: Duration? = null

    /** How long a durable message may wait, over all the processes that try; 24 h. */
    public var durableDeadline: Duration? = null

    /** The whole time of a `history`; 30 s. */
    public var historyDeadline: Duration? = null

    /** How long closing waits for what is still to be sent; 5 s. */
    public var closeDeadline: Duration? = null

    /** The whole time of an `ask` or a `stream`; 120 s. */
    public var askDeadline: Duration? = null

    /** How long the first piece of a reply may take; 60 s. */
    public var firstPieceDeadline: Duration? = null

    /**
     * Is told of every call to the service when it is over: for metrics. On a background thread, one at a time. What it
     * throws goes to that thread's handler for uncaught exceptions, and the next report comes all the same.
     */
    public var onCall: ((CallReport) -> Unit)? = null

    internal fun toCore(apiKey: String?) = CoreOptions(
        apiKey = apiKey?.whole("API key"),
        baseUrl = baseUrl?.whole("base URL"),
        language = "kotlin/${KotlinVersion.CURRENT}",
        allowInsecure = allowInsecure,
        proxy = proxy?.whole("proxy"),
        noProxy = noProxy,
        caFile = caFile?.whole("CA file's path"),
        builtinRoots = builtinRoots,
        heartbeatMs = heartbeat?.toMs(),
        acknowledge = acknowledge,
        replyIdleMs = replyIdle?.toMs(),
        delivery = delivery?.core,
        eventQueue = eventQueue?.toCount(),
        quota = quota?.toCount(),
        maxLive = maxLive?.toCount(),
        idleAfterMs = idleAfter?.toMs(),
        store = store?.whole("store's path"),
        openDeadlineMs = openDeadline?.toMs(),
        sendDeadlineMs = sendDeadline?.toMs(),
        durableDeadlineMs = durableDeadline?.toMs(),
        historyDeadlineMs = historyDeadline?.toMs(),
        closeDeadlineMs = closeDeadline?.toMs(),
        askDeadlineMs = askDeadline?.toMs(),
        firstPieceDeadlineMs = firstPieceDeadline?.toMs(),
        reportCalls = onCall != null,
    )
}

/** What becomes of a message of which nobody can tell whether the service took it. */
public enum class Delivery(internal val core: CoreDelivery) {
    /** It is handed back, with `certain: false`. */
    AT_MOST_ONCE(CoreDelivery.AT_MOST_ONCE),

    /** It is sent again under the same id. */
    AT_LEAST_ONCE(CoreDelivery.AT_LEAST_ONCE),
}

/** Milliseconds. */
internal fun Duration.toMs(): ULong {
    if (isNegative()) throw misuse("a duration of $this is not possible: choose 0 or more")
    return inWholeMilliseconds.toULong()
}

/** A number of things. */
internal fun Int.toCount(): UInt =
    if (this < 0) throw misuse("a number of $this is not possible: choose 0 or more") else toUInt()
