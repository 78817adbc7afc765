package me.secondme.avatar.java;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;

/** Those calls of a client that are about what happens in its conversations. */
abstract sealed class ClientEvents permits ClientStore {
    final me.secondme.avatar.AvatarClient core;

    ClientEvents(me.secondme.avatar.AvatarClient core) {
        this.core = core;
    }

    /**
     * What happens in all conversations, those that are opened later too. Every subscriber has a
     * subscription of its own from the moment it subscribes on, and is called one event at a time,
     * on a background thread, which it may block.
     */
    public Flow.Publisher<Event> events() {
        return Streams.events(() -> core.subscribe(false));
    }

    /** Subscribes to all conversations from now on. */
    public Subscription subscribe() {
        return new Subscription(Failing.call(() -> core.subscribe(false)));
    }

    /** The same; events have their frames ({@link Event#raw}). */
    public Subscription subscribeRaw() {
        return new Subscription(Failing.call(() -> core.subscribe(true)));
    }

    /**
     * Tells a listener what happens in all conversations from now on, on a background thread, which
     * it may block, until what this returns is closed.
     */
    public Listening listen(ConversationListener listener) {
        return Failing.call(
                () -> ClientCalls.listen(core, null, requireNonNull(listener, "listener")));
    }

    /**
     * The same on the executor's threads. An executor that refuses a task ends this: the log says
     * so, and a {@link java.util.concurrent.RejectedExecutionException} goes to the handler for
     * uncaught exceptions. So close what this returns before the executor is shut down.
     */
    public Listening listen(ConversationListener listener, Executor executor) {
        return Failing.call(
                () ->
                        ClientCalls.listen(
                                core,
                                requireNonNull(executor, "executor"),
                                requireNonNull(listener, "listener")));
    }

    /**
     * Waits for the next event of this type in any conversation, from now on.
     *
     * @throws AvatarException.Deadline if it does not come in this time.
     * @throws AvatarException.Closed if the client is closed before it comes.
     */
    public <E extends Event> E waitFor(Class<E> type, Duration timeout) {
        try (Subscription events = subscribe()) {
            return events.waitFor(type, timeout);
        }
    }

    /**
     * The next event of this type in any conversation, from now on. A time limit is {@code
     * orTimeout} of the future.
     */
    public <E extends Event> CompletableFuture<E> waitForAsync(Class<E> type) {
        requireNonNull(type, "type");
        Subscription events = subscribe();
        CompletableFuture<E> event = events.waitForAsync(type);
        event.whenComplete((came, failed) -> events.close());
        return event;
    }
}
