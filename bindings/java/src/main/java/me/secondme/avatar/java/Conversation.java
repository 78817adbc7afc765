package me.secondme.avatar.java;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;

/**
 * A conversation with the avatar. It continues when no reference to it is left, and ends with
 * {@link #close}, {@link #end}, or the client. Opening the visitor again returns it again.
 *
 * <p>Each call that waits blocks its thread, or, with {@code Async} in its name, gives a future. A
 * thread that is interrupted and a future that is cancelled give the call up; a message that has
 * already been sent stays sent.
 */
public final class Conversation {
    private final me.secondme.avatar.Conversation core;

    Conversation(me.secondme.avatar.Conversation core) {
        this.core = core;
    }

    /** Makes an id for a message: see {@link AskOptions.Builder#messageId}. */
    public static String newMessageId() {
        return Failing.call(me.secondme.avatar.NoteKt::newMessageId);
    }

    /** Which one of the visitor's conversations; the first is 0. */
    public int key() {
        return core.getKey();
    }

    /** Who talks with the avatar here. */
    public String visitorId() {
        return core.getVisitorId();
    }

    /** The visitor's {@linkplain Visitor#tag tag}, as it was when this was opened. */
    public @Nullable String tag() {
        return core.getTag();
    }

    /** The avatar's opening line; may be empty. */
    public String opening() {
        return core.getOpening();
    }

    /** The avatar's name; may be empty. */
    public String avatarName() {
        return core.getAvatarName();
    }

    /** The session's id on the service. */
    public @Nullable String sessionId() {
        return Failing.call(core::getSessionId);
    }

    /**
     * Whether the avatar's owner has the conversation: has said something in person, and the avatar
     * nothing since ({@link Event.TakenOver}, {@link Event.HandedBack}).
     *
     * <p>Questions are not held back meanwhile: the owner may answer several at once, or none. One
     * that the owner does not answer in time fails with {@link AvatarException.TakenOver}.
     */
    public boolean takenOver() {
        return Failing.call(core::getTakenOver);
    }

    /** Where the conversation stands. */
    public State state() {
        return State.of(Failing.call(core::getState));
    }

    /**
     * What happens in this conversation. Every subscriber has a subscription of its own from the
     * moment it subscribes on, and is called one event at a time, on a background thread, which it
     * may block.
     */
    public Flow.Publisher<Event> events() {
        return Streams.events(() -> core.subscribe(false));
    }

    /** Subscribes to what happens in this conversation from now on. */
    public Subscription subscribe() {
        return new Subscription(Failing.call(() -> core.subscribe(false)));
    }

    /** The same; events have their frames ({@link Event#raw}). */
    public Subscription subscribeRaw() {
        return new Subscription(Failing.call(() -> core.subscribe(true)));
    }

    /**
     * Tells a listener what happens from now on, on a background thread, which it may block, until
     * what this returns is closed.
     */
    public Listening listen(ConversationListener listener) {
        return Failing.call(
                () -> ConversationCalls.listen(core, null, requireNonNull(listener, "listener")));
    }

    /**
     * The same on the executor's threads. An executor that refuses a task ends this: the log says
     * so, and a {@link java.util.concurrent.RejectedExecutionException} goes to the handler for
     * uncaught exceptions. So close what this returns before the executor is shut down.
     */
    public Listening listen(ConversationListener listener, Executor executor) {
        return Failing.call(
                () ->
                        ConversationCalls.listen(
                                core,
                                requireNonNull(executor, "executor"),
                                requireNonNull(listener, "listener")));
    }

    /**
     * Waits for the next event of this type, from now on. Where the event may happen at once,
     * {@link #subscribe} first and wait on the subscription.
     *
     * @throws AvatarException.Deadline if it does not come in this time.
     * @throws AvatarException.Closed if the conversation is closed before it comes.
     */
    public <E extends Event> E waitFor(Class<E> type, Duration timeout) {
        try (Subscription events = subscribe()) {
            return events.waitFor(type, timeout);
        }
    }

    /**
     * The next event of this type, from now on. A time limit is {@code orTimeout} of the future.
     */
    public <E extends Event> CompletableFuture<E> waitForAsync(Class<E> type) {
        requireNonNull(type, "type");
        Subscription events = subscribe();
        CompletableFuture<E> event = events.waitForAsync(type);
        event.whenComplete((came, failed) -> events.close());
        return event;
    }

    /**
     * Sends a message and returns the whole reply, the avatar's or its owner's. Questions of one
     * conversation are answered in order. The reply comes as an event as well, before this returns:
     * see {@link Reply#asked}.
     */
    public Reply ask(String text) {
        return ask(text, AskOptions.DEFAULT);
    }

    /** The same with options for this question. */
    public Reply ask(String text, AskOptions options) {
        return asking(text, options).await();
    }

    /** The future of {@link #ask(String)}. */
    public CompletableFuture<Reply> askAsync(String text) {
        return askAsync(text, AskOptions.DEFAULT);
    }

    /** The future of {@link #ask(String, AskOptions)}. */
    public CompletableFuture<Reply> askAsync(String text, AskOptions options) {
        return asking(text, options).start();
    }

    private Work<Reply> asking(String text, AskOptions options) {
        return ConversationCalls.ask(
                        core, requireNonNull(text, "text"), requireNonNull(options, "options"))
                .then(Reply::of);
    }

    /**
     * Sends a message when the stream is read, and gives the reply piece by piece. Each piece has
     * its author: the avatar, or its owner who takes over. Afterwards the whole reply is {@link
     * ReplyStream#reply}.
     */
    public ReplyStream stream(String text) {
        return stream(text, AskOptions.DEFAULT);
    }

    /** The same with options for this question. */
    public ReplyStream stream(String text, AskOptions options) {
        return Failing.call(
                () ->
                        new ReplyStream(
                                ConversationCalls.stream(
                                        core,
                                        requireNonNull(text, "text"),
                                        requireNonNull(options, "options"))));
    }

    /**
     * Sends a message, and returns when the service has taken it. While the socket is down the
     * message waits. A lost answer does not send it twice, unless the option {@code delivery} says
     * so. A message that is given up comes back with the exception: {@link AvatarException#unsent}.
     */
    public Sent send(String text) {
        return send(text, SendOptions.DEFAULT);
    }

    /** The same with options for this message. */
    public Sent send(String text, SendOptions options) {
        return sending(text, options).await();
    }

    /** The future of {@link #send(String)}. */
    public CompletableFuture<Sent> sendAsync(String text) {
        return sendAsync(text, SendOptions.DEFAULT);
    }

    /** The future of {@link #send(String, SendOptions)}. */
    public CompletableFuture<Sent> sendAsync(String text, SendOptions options) {
        return sending(text, options).start();
    }

    private Work<Sent> sending(String text, SendOptions options) {
        return ConversationCalls.send(
                        core, requireNonNull(text, "text"), requireNonNull(options, "options"))
                .then(Sent::of);
    }

    /**
     * Keeps a message in the client's {@linkplain ClientOptions.Builder#store(String) store} until
     * the service has taken it, and returns its id once it is kept: from then on it survives the
     * process. {@link Event.Delivered} tells that the service has it, and {@link Event.Unsent} that
     * it was given up.
     */
    public String sendDurable(String text) {
        return sendDurable(text, SendOptions.DEFAULT);
    }

    /** The same with options for this message. */
    public String sendDurable(String text, SendOptions options) {
        return keeping(text, options).await();
    }

    /** The future of {@link #sendDurable(String)}. */
    public CompletableFuture<String> sendDurableAsync(String text) {
        return sendDurableAsync(text, SendOptions.DEFAULT);
    }

    /** The future of {@link #sendDurable(String, SendOptions)}. */
    public CompletableFuture<String> sendDurableAsync(String text, SendOptions options) {
        return keeping(text, options).start();
    }

    private Work<String> keeping(String text, SendOptions options) {
        return ConversationCalls.sendDurable(
                core, requireNonNull(text, "text"), requireNonNull(options, "options"));
    }

    /** The last 50 messages, oldest first. */
    public List<HistoryMessage> history() {
        return history(50);
    }

    /** The last {@code count} messages (1 to 1000), oldest first. */
    public List<HistoryMessage> history(int count) {
        return pastMessages(count, null).await();
    }

    /**
     * The {@code count} messages (1 to 1000) before the one with this {@link HistoryMessage#seqId},
     * oldest first.
     */
    public List<HistoryMessage> history(int count, String before) {
        return pastMessages(count, requireNonNull(before, "before")).await();
    }

    /** The future of {@link #history(int)}. */
    public CompletableFuture<List<HistoryMessage>> historyAsync(int count) {
        return pastMessages(count, null).start();
    }

    /** The future of {@link #history(int, String)}. */
    public CompletableFuture<List<HistoryMessage>> historyAsync(int count, String before) {
        return pastMessages(count, requireNonNull(before, "before")).start();
    }

    private Work<List<HistoryMessage>> pastMessages(int count, @Nullable String before) {
        return ConversationCalls.history(core, count, before)
                .then(messages -> messages.stream().map(HistoryMessage::of).toList());
    }

    /**
     * Opens another conversation of the same visitor, with a session of its own, on the same
     * socket.
     */
    public Conversation newSession() {
        return ConversationCalls.newSession(core).then(Conversation::new).await();
    }

    /** The future of {@link #newSession}. */
    public CompletableFuture<Conversation> newSessionAsync() {
        return ConversationCalls.newSession(core).then(Conversation::new).start();
    }

    /**
     * Closes the socket and keeps the session. What is said meanwhile comes after {@link #resume}.
     * Other conversations of the visitor are paused with it.
     */
    public void pause() {
        ConversationCalls.pause(core).await();
    }

    /** The future of {@link #pause}. */
    public CompletableFuture<Void> pauseAsync() {
        return ConversationCalls.pause(core).start();
    }

    /** Connects again after a {@link #pause}. The next message does so too. */
    public void resume() {
        ConversationCalls.resume(core).await();
    }

    /** The future of {@link #resume}. */
    public CompletableFuture<Void> resumeAsync() {
        return ConversationCalls.resume(core).start();
    }

    /**
     * Tells that the network has changed: the socket is connected again now, and not when its
     * silence is noticed.
     */
    public void networkChanged() {
        ConversationCalls.networkChanged(core).await();
    }

    /** The future of {@link #networkChanged}. */
    public CompletableFuture<Void> networkChangedAsync() {
        return ConversationCalls.networkChanged(core).start();
    }

    /**
     * Closes the conversation after sending what is still to be sent, within the option {@code
     * closeDeadline}. Opening the visitor again goes on with the same session.
     */
    public void close() {
        ConversationCalls.close(core).await();
    }

    /** The future of {@link #close}. */
    public CompletableFuture<Void> closeAsync() {
        return ConversationCalls.close(core).start();
    }

    /**
     * Closes the conversation and ends its session on the service: the next {@code open} begins a
     * new one.
     */
    public void end() {
        ConversationCalls.end(core).await();
    }

    /** The future of {@link #end}. */
    public CompletableFuture<Void> endAsync() {
        return ConversationCalls.end(core).start();
    }

    @Override
    public String toString() {
        return core.toString();
    }
}
