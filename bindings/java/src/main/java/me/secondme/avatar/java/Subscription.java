package me.secondme.avatar.java;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

import java.time.Duration;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.function.Predicate;

/**
 * A subscription to events, from the moment it is made until it is {@linkplain #finish finished} or
 * {@linkplain #close closed}, or its conversation or client is.
 *
 * <pre>{@code
 * try (Subscription events = chat.subscribe()) {
 *     chat.send("Is the owner there?");
 *     Event.OwnerReply owner = events.waitFor(Event.OwnerReply.class, Duration.ofMinutes(1));
 *     System.out.println(owner.reply().text());
 * }
 * }</pre>
 *
 * Its queue is bounded, and nothing in it is dropped: when it is full, the socket is read no
 * further until there is room again. So read a subscription, or close it.
 */
public final class Subscription implements Iterable<Event>, AutoCloseable {
    private final me.secondme.avatar.Subscription core;

    Subscription(me.secondme.avatar.Subscription core) {
        this.core = core;
    }

    /**
     * Waits for the next event; {@code null} when there will be no more. A wait that is interrupted
     * loses nothing.
     */
    public @Nullable Event next() {
        me.secondme.avatar.Event event = Streams.next(core).await();
        return event == null ? null : Event.of(event);
    }

    /**
     * The same, with a time limit.
     *
     * @throws AvatarException.Deadline if nothing comes in this time. What comes later is the next
     *     one.
     */
    public @Nullable Event next(Duration timeout) {
        Optional<me.secondme.avatar.Event> event =
                Streams.next(core, requireNonNull(timeout, "timeout")).await();
        if (event == null) {
            throw new AvatarException.Deadline("no event came within " + timeout, null);
        }
        return event.map(Event::of).orElse(null);
    }

    /**
     * Waits for the next event of this type; events before it are skipped.
     *
     * @throws AvatarException.Closed if the subscription ends before it comes.
     */
    public <E extends Event> E waitFor(Class<E> type) {
        return Streams.waitFor(core, requireNonNull(type, "type"), event -> true).await();
    }

    /**
     * The same, with a time limit.
     *
     * @throws AvatarException.Deadline if it does not come in this time.
     * @throws AvatarException.Closed if the subscription ends before it comes.
     */
    public <E extends Event> E waitFor(Class<E> type, Duration timeout) {
        return waitFor(type, event -> true, timeout);
    }

    /**
     * The next event of this type for which {@code where} is true, with a time limit.
     *
     * @throws AvatarException.Deadline if it does not come in this time.
     * @throws AvatarException.Closed if the subscription ends before it comes.
     */
    public <E extends Event> E waitFor(
            Class<E> type, Predicate<? super E> where, Duration timeout) {
        E event =
                Streams.waitFor(core, requireNonNull(type, "type"), requireNonNull(where, "where"))
                        .within(requireNonNull(timeout, "timeout"))
                        .await();
        if (event == null) {
            String what =
                    "no event of the kind " + type.getSimpleName() + " came within " + timeout;
            throw new AvatarException.Deadline(what, null);
        }
        return event;
    }

    /**
     * The next event of this type; events before it are skipped. A time limit is {@code orTimeout}
     * of the future. One that is cancelled or times out has not taken the event: it is the next
     * one.
     */
    public <E extends Event> CompletableFuture<E> waitForAsync(Class<E> type) {
        return waitForAsync(type, event -> true);
    }

    /**
     * The next event of this type for which {@code where} is true; events before it are skipped.
     */
    public <E extends Event> CompletableFuture<E> waitForAsync(
            Class<E> type, Predicate<? super E> where) {
        return Streams.waitForLater(
                core, requireNonNull(type, "type"), requireNonNull(where, "where"));
    }

    /**
     * What comes from now on, one event at a time, on a background thread. What one subscriber
     * takes, others do not get.
     */
    public Flow.Publisher<Event> events() {
        return Streams.rest(core);
    }

    /** What comes, blocking for each event, until there are no more. */
    @Override
    public Iterator<Event> iterator() {
        return new Iterator<>() {
            private @Nullable Event next;

            @Override
            public boolean hasNext() {
                if (next == null) {
                    next = Subscription.this.next();
                }
                return next != null;
            }

            @Override
            public Event next() {
                if (!hasNext()) {
                    throw new NoSuchElementException("the subscription has ended");
                }
                Event event = next;
                next = null;
                return event;
            }
        };
    }

    /**
     * Ends the subscription and keeps what has come: it can still be taken, and then there is no
     * more.
     */
    public void finish() {
        core.finish();
    }

    /**
     * Ends the subscription now, and drops what has come; a {@link #next()} that waits returns
     * {@code null}.
     */
    @Override
    public void close() {
        core.close();
    }
}
