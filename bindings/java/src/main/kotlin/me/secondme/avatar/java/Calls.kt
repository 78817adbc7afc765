// What this file has beside classes is for itself alone.
@file:JvmSynthetic
@file:Suppress("unused")

package me.secondme.avatar.java

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.ReceiveChannel
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.produceIn
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.runInterruptible
import kotlinx.coroutines.withTimeoutOrNull
import java.util.Objects
import java.util.Optional
import java.util.concurrent.CancellationException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executor
import java.util.concurrent.Flow.Publisher
import java.util.concurrent.Flow.Subscriber
import java.util.concurrent.Flow.Subscription
import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.atomic.AtomicLong
import java.util.function.Consumer
import java.util.function.Function
import java.util.function.Predicate
import java.util.function.Supplier
import kotlin.concurrent.thread
import kotlin.coroutines.intrinsics.suspendCoroutineUninterceptedOrReturn
import kotlin.time.Duration
import kotlin.time.toKotlinDuration
import java.time.Duration as JavaDuration
import me.secondme.avatar.AvatarClient as KotlinClient
import me.secondme.avatar.AvatarException as KotlinException
import me.secondme.avatar.ClientOptions as KotlinOptions
import me.secondme.avatar.Conversation as KotlinConversation
import me.secondme.avatar.ConversationListener as KotlinListener
import me.secondme.avatar.Credentials as KotlinCredentials
import me.secondme.avatar.Event as KotlinEvent
import me.secondme.avatar.Piece as KotlinPiece
import me.secondme.avatar.ReplyStream as KotlinStream
import me.secondme.avatar.Subscription as KotlinSubscription
import me.secondme.avatar.Visitor as KotlinVisitor

// What is private in this file is, in Java, seen by this package alone: Kotlin's suspending calls as Java has them.

/**
 * `Dispatchers.IO` without its limit of 64 threads, which the whole process shares: each listener and each subscriber may
 * block, and holds up no other one.
 */
@OptIn(ExperimentalCoroutinesApi::class)
private val elastic = Dispatchers.IO.limitedParallelism(Int.MAX_VALUE)

/** Something that waits. It begins when it is awaited or started, on the thread that does so. */
private class Work<T>(private val call: suspend () -> T) {
    /** Blocks until it is done. A thread that is interrupted gives it up. */
    fun await(): T = try {
        runBlocking { call() }
    } catch (failed: KotlinException) {
        throw AvatarException.of(failed)
    } catch (interrupted: InterruptedException) {
        Thread.currentThread().interrupt()
        val why = CancellationException("the thread was interrupted, so the call was given up")
        throw why.apply { initCause(interrupted) }
    }

    /**
     * Begins it. What the program does with the future runs on the future's own executor, so code that blocks there holds
     * up nothing here. A future that is completed from outside (cancelled, timed out) gives the call up.
     */
    fun start(): CompletableFuture<T> = CompletableFuture<T>().also { startFor(it, it::complete) }

    /** The same for this future, to which the value is given so. */
    fun <R> startFor(future: CompletableFuture<R>, give: (T) -> Unit) {
        val work: suspend CoroutineScope.() -> Unit = {
            val done: Runnable =
                try {
                    val value = call()
                    Runnable { give(value) }
                } catch (failed: Throwable) {
                    val why = if (failed is KotlinException) AvatarException.of(failed) else failed
                    Runnable { future.completeExceptionally(why) }
                }
            future.defaultExecutor().execute(done)
        }
        val job = CoroutineScope(elastic).launch(start = CoroutineStart.UNDISPATCHED, block = work)
        future.whenComplete { _, _ -> job.cancel() }
    }

    /** Begins it on a thread of its own, which completes the future too: no pool of threads can hold it up. */
    fun startAlone(): CompletableFuture<T> {
        val future = CompletableFuture<T>()
        thread(isDaemon = true, name = "secondme-avatar-alone") {
            try {
                future.complete(await())
            } catch (failed: Throwable) {
                future.completeExceptionally(failed)
            }
        }
        return future
    }

    /** It, and then this. */
    fun <R> then(next: Function<T, R>): Work<R> = Work { next.apply(call()) }

    /** It, or `null` where it takes longer than that. What was there at the last moment is given all the same. */
    fun within(time: JavaDuration): Work<T?> = Work {
        var value: T? = null
        withTimeoutOrNull(time.toKotlinDuration()) { value = call() }
        value
    }
}

private fun JavaDuration?.orDefault(): Duration? = this?.toKotlinDuration()

/** Clients, and their calls. */
private object ClientCalls {
    @JvmStatic
    fun make(apiKey: String?, options: ClientOptions): KotlinClient = KotlinClient(apiKey) { options.putInto(this) }

    @JvmStatic
    fun visitorChat(id: String, secret: String, apiKey: String?, options: ClientOptions): KotlinClient =
        KotlinClient.visitorChat(id, secret, apiKey) { options.putInto(this) }

    @JvmStatic
    fun visitorChatFromEnvironment(options: ClientOptions): KotlinClient =
        KotlinClient.visitorChatFromEnvironment { options.putInto(this) }

    @JvmStatic
    fun visitorChat(apiKey: String?, options: ClientOptions, token: TokenProvider): KotlinClient =
        KotlinClient.visitorChat(apiKey, { options.putInto(this) }) {
            asked("the user's access token") { token.token(TokenRequest(it.visitorId, it.refused)) }
        }

    @JvmStatic
    fun withCredentials(options: ClientOptions, credentials: CredentialsProvider): KotlinClient =
        KotlinClient.withCredentials({ options.putInto(this) }) {
            asked("Credentials") { credentials.credentials(CredentialsRequest(it.visitorId, it.refused)) }.core
        }

    /** A function of the program: it may block, and is interrupted where it is cancelled. */
    private suspend fun <T> asked(what: String, function: () -> T?): T = runInterruptible {
        try {
            checkNotNull(function()) { "the function returned null: return $what" }
        } catch (failed: AvatarException) {
            throw failed.core() ?: failed
        }
    }

    @JvmStatic
    fun open(client: KotlinClient, visitor: KotlinVisitor, deadline: JavaDuration?): Work<KotlinConversation> =
        Work { client.open(visitor, deadline.orDefault()) }

    @JvmStatic
    fun authenticate(client: KotlinClient, visitor: KotlinVisitor, deadline: JavaDuration?): Work<KotlinCredentials> =
        Work { client.authenticate(visitor, deadline.orDefault()) }

    @JvmStatic
    fun recover(client: KotlinClient, all: Boolean) = Work { client.recover(all) }

    @JvmStatic
    fun known(client: KotlinClient) = Work { client.known() }

    @JvmStatic
    fun backup(client: KotlinClient, path: String) = Work<Void?> { client.backup(path).let { null } }

    @JvmStatic
    fun forget(client: KotlinClient, visitor: KotlinVisitor) = Work<Void?> { client.forget(visitor).let { null } }

    @JvmStatic
    fun export(client: KotlinClient, visitor: KotlinVisitor) = Work { client.export(visitor) }

    @JvmStatic
    fun forgetIdle(client: KotlinClient, longerThan: JavaDuration) =
        Work { client.forgetIdle(longerThan.toKotlinDuration()) }

    @JvmStatic
    fun setNote(client: KotlinClient, visitor: KotlinVisitor, key: String, text: String, lifetime: JavaDuration?) =
        Work<Void?> { client.setNote(visitor, key, text, lifetime.orDefault()).let { null } }

    @JvmStatic
    fun addNote(client: KotlinClient, visitor: KotlinVisitor, key: String, text: String, lifetime: JavaDuration?) =
        Work { client.addNote(visitor, key, text, lifetime.orDefault()) }

    @JvmStatic
    fun note(client: KotlinClient, visitor: KotlinVisitor, key: String) = Work { client.note(visitor, key) }

    @JvmStatic
    fun deleteNote(client: KotlinClient, visitor: KotlinVisitor, key: String) = Work { client.deleteNote(visitor, key) }

    @JvmStatic
    fun notes(client: KotlinClient, prefix: String) = Work { client.notes(prefix) }

    @JvmStatic
    fun request(client: KotlinClient, method: String, path: String, options: RequestOptions) = Work {
        client.request(method, path, options.body, options.visitor?.core, options.deadline.orDefault())
    }

    @JvmStatic
    fun advanceClock(client: KotlinClient, by: JavaDuration) = client.advanceClock(by.toKotlinDuration())

    @JvmStatic
    fun close(client: KotlinClient, deadline: JavaDuration?) =
        Work<Void?> { client.close(deadline.orDefault()).let { null } }

    @JvmStatic
    fun listen(client: KotlinClient, executor: Executor?, listener: ConversationListener) =
        Listening(client.listen(executor?.asCoroutineDispatcher() ?: elastic, Told(listener))::close)
}

/** The calls of a conversation. */
private object ConversationCalls {
    @JvmStatic
    fun ask(chat: KotlinConversation, text: String, options: AskOptions) = Work {
        val firstPiece = options.firstPieceDeadline.orDefault()
        chat.ask(text, options.deadline.orDefault(), firstPiece, options.collect.orDefault(), options.messageId)
    }

    @JvmStatic
    fun stream(chat: KotlinConversation, text: String, options: AskOptions): KotlinStream {
        val (firstPiece, collect) = options.firstPieceDeadline.orDefault() to options.collect.orDefault()
        return chat.stream(text, options.deadline.orDefault(), firstPiece, collect, options.messageId)
    }

    @JvmStatic
    fun send(chat: KotlinConversation, text: String, options: SendOptions) =
        Work { chat.send(text, options.deadline.orDefault(), options.messageId) }

    @JvmStatic
    fun sendDurable(chat: KotlinConversation, text: String, options: SendOptions) =
        Work { chat.sendDurable(text, options.deadline.orDefault(), options.messageId) }

    @JvmStatic
    fun history(chat: KotlinConversation, count: Int, before: String?) = Work { chat.history(count, before) }

    @JvmStatic
    fun newSession(chat: KotlinConversation) = Work { chat.newSession() }

    @JvmStatic
    fun pause(chat: KotlinConversation) = Work<Void?> { chat.pause().let { null } }

    @JvmStatic
    fun resume(chat: KotlinConversation) = Work<Void?> { chat.resume().let { null } }

    @JvmStatic
    fun networkChanged(chat: KotlinConversation) = Work<Void?> { chat.networkChanged().let { null } }

    @JvmStatic
    fun close(chat: KotlinConversation) = Work<Void?> { chat.close().let { null } }

    @JvmStatic
    fun end(chat: KotlinConversation) = Work<Void?> { chat.end().let { null } }

    @JvmStatic
    fun listen(chat: KotlinConversation, executor: Executor?, listener: ConversationListener) =
        Listening(chat.listen(executor?.asCoroutineDispatcher() ?: elastic, Told(listener))::close)
}

/** What comes bit by bit: events and pieces. */
private object Streams {
    @JvmStatic
    fun next(events: KotlinSubscription) = Work { events.next() }

    /** In time, or `null`. */
    @JvmStatic
    fun next(events: KotlinSubscription, time: JavaDuration): Work<Optional<KotlinEvent>?> =
        Work { Optional.ofNullable(events.next()) }.within(time)

    @JvmStatic
    fun <E : Event> waitFor(events: KotlinSubscription, type: Class<E>, where: Predicate<in E>): Work<E> =
        Work { checkNotNull(found(events, type, where) { true }) }

    /** It takes the event for the future, or, where that has ended before, not at all. */
    @JvmStatic
    fun <E : Event> waitForLater(events: KotlinSubscription, type: Class<E>, where: Predicate<in E>) =
        Claim<E>().also { claim -> Work { found(events, type, where, claim::make) }.startFor(claim, claim::give) }

    /** `null` where it is not claimed. */
    private suspend fun <E : Event> found(
        events: KotlinSubscription,
        type: Class<E>,
        where: Predicate<in E>,
        claim: () -> Boolean,
    ): E? {
        var found: E? = null
        var isLeft = false
        val isWanted = { event: KotlinEvent ->
            val made = Event.of(event)
            type.isInstance(made) && where.test(type.cast(made).also { found = it })
        }
        val taken =
            suspendCoroutineUninterceptedOrReturn<KotlinEvent?> { then ->
                Taking.takeIf(events, isWanted, { claim().also { isLeft = !it } }, then)
            }
        if (taken == null && !isLeft) throw Taking.ended(events, type.simpleName)
        return if (taken == null) null else found
    }

    /** Each subscriber has a subscription of its own from now on, not only from its first request on. */
    @JvmStatic
    fun events(subscribe: Supplier<KotlinSubscription>): Publisher<Event> = Publisher { subscriber ->
        Objects.requireNonNull(subscriber, "subscriber")
        try {
            val events = subscribe.get()
            Sending(subscriber, events::close) { events.next()?.let(Event::of) }.begin()
        } catch (failed: KotlinException) {
            Sending<Event>(subscriber, {}) { null }.fail(AvatarException.of(failed))
        }
    }

    /** What comes in this subscription from now on. */
    @JvmStatic
    fun rest(events: KotlinSubscription): Publisher<Event> = Publisher { subscriber ->
        Sending(Objects.requireNonNull(subscriber, "subscriber"), {}) { events.next()?.let(Event::of) }.begin()
    }

    /** The question goes out with the first request. */
    @JvmStatic
    fun pieces(stream: KotlinStream, failed: Consumer<AvatarException>): Publisher<Piece> = Publisher { subscriber ->
        val pieces = lazy { read(stream, failed) }
        val end = { if (pieces.isInitialized()) pieces.value.cancel() }
        Sending(Objects.requireNonNull(subscriber, "subscriber"), end) { pieces.value.take()?.let(::Piece) }.begin()
    }

    /** The pieces for one thread, which blocks for each. What makes them fail is told beside. */
    @JvmStatic
    fun read(stream: KotlinStream, failed: Consumer<AvatarException>) =
        Pieces(stream.buffer(Channel.RENDEZVOUS).produceIn(CoroutineScope(elastic)), failed)
}

/** The pieces of a stream that is being read. */
private class Pieces(private val channel: ReceiveChannel<KotlinPiece>, private val failed: Consumer<AvatarException>) {
    /** The next one; `null` after the last, and once they are no longer wanted. */
    suspend fun take(): KotlinPiece? {
        val received = channel.receiveCatching()
        received.exceptionOrNull()?.let { if (it !is CancellationException) throw it.also(::note) }
        return received.getOrNull()
    }

    private fun note(why: Throwable) = (why as? KotlinException)?.let { failed.accept(AvatarException.of(it)) }

    fun next(): Work<KotlinPiece?> = Work { take() }

    fun cancel() = channel.cancel()
}

/**
 * What a subscriber is sent, by the rules of reactive streams: as much as it has requested, one signal after the other, and
 * none before it knows its subscription. Nothing is taken before it is wanted, so a subscription that is cancelled has
 * taken nothing. (The publishers of kotlinx-coroutines-reactive fail the rules' own tests: 1.3, 1.9, 3.9.)
 */
private class Sending<T : Any>(
    private val subscriber: Subscriber<in T>,
    private val end: () -> Unit,
    private val next: suspend () -> T?,
) : Subscription {
    private val requested = AtomicLong()
    private val wake = Channel<Unit>(Channel.CONFLATED)

    /** The first of those that end it: the last item, a failure, a wrong request, the subscriber. */
    private val isOver = AtomicBoolean()
    private val job = CoroutineScope(elastic).launch(start = CoroutineStart.LAZY) { send() }
    private val isKnown = Job()

    fun begin() {
        job.invokeOnCompletion { end() }
        introduce()
        job.start()
    }

    /** Instead of [begin]. */
    fun fail(why: Throwable) {
        introduce()
        finish { subscriber.onError(why) }
        job.cancel()
    }

    /** A subscriber that throws at once gets nothing, and leaves no subscription behind. */
    private fun introduce() {
        try {
            subscriber.onSubscribe(this)
        } catch (thrown: Throwable) {
            job.cancel()
            throw thrown
        }
        isKnown.complete()
    }

    private suspend fun send() {
        while (true) {
            while (requested.get() == 0L) wake.receive()
            // Whatever it throws is the subscriber's to know. After a `cancel` it is over already, and nothing is told.
            val item =
                try {
                    next()
                } catch (failed: Throwable) {
                    val why = if (failed is KotlinException) AvatarException.of(failed) else failed
                    return finish { subscriber.onError(why) }
                }
            if (item == null) return finish { subscriber.onComplete() }
            requested.updateAndGet { if (it == Long.MAX_VALUE) it else it - 1 }
            subscriber.onNext(item)
        }
    }

    private fun finish(signal: () -> Unit) {
        if (isOver.compareAndSet(false, true)) signal()
    }

    override fun request(count: Long) {
        if (count > 0) {
            requested.updateAndGet { if (it + count < 0) Long.MAX_VALUE else it + count }
            wake.trySend(Unit)
        } else {
            // Told after the signal that is perhaps under way, and in any case after `onSubscribe`.
            finish {
                job.cancel()
                val why = IllegalArgumentException("$count items were requested: by rule 3.9 at least 1")
                CoroutineScope(elastic).launch {
                    isKnown.join()
                    job.join()
                    subscriber.onError(why)
                }
            }
        }
    }

    override fun cancel() = finish { job.cancel() }
}

private class Told(private val listener: ConversationListener) : KotlinListener {
    override fun onEvent(event: KotlinEvent) {
        val told = Event.of(event)
        catching(told) { listener.onEvent(told) }
        catching(told) { told.tell(listener) }
    }

    private inline fun catching(event: Event, tell: () -> Unit) {
        try {
            tell()
        } catch (thrown: Throwable) {
            listener.onThrown(event, thrown)
        }
    }
}
