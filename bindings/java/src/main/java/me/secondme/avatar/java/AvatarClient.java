package me.secondme.avatar.java;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;

/**
 * A client for one API key, that is for one avatar.
 *
 * <pre>{@code
 * try (AvatarClient client = AvatarClient.create(apiKey)) {
 *     Conversation chat = client.open(Visitor.forUser("feishu", "ou_abc", "张三"));
 *     System.out.println(chat.opening());
 *     System.out.println(chat.ask("Hello, tell me about yourself").text());
 * }
 * }</pre>
 *
 * This is the Avatar Open API. {@link #visitorChat(String, String)} makes a client that speaks
 * through the service's other API; all that follows is the same.
 *
 * <p>Each call that waits blocks its thread, or, with {@code Async} in its name, gives a future. A
 * thread that is interrupted and a future that is cancelled give the call up. A client may be used
 * by any number of threads.
 */
public final class AvatarClient extends ClientStore implements AutoCloseable {
    /** The version of this library. */
    public static final String VERSION = me.secondme.avatar.AvatarClient.VERSION;

    private AvatarClient(me.secondme.avatar.AvatarClient core) {
        super(core);
    }

    private static AvatarClient of(Supplier<me.secondme.avatar.AvatarClient> made) {
        return new AvatarClient(Failing.call(made));
    }

    /**
     * Makes a client with the key in {@code SECONDME_API_KEY}, or in the file that {@code
     * SECONDME_API_KEY_FILE} names. Nothing is sent yet.
     *
     * @throws AvatarException.Misuse if there is none.
     */
    public static AvatarClient create() {
        return create(ClientOptions.defaults());
    }

    /** The same with options. */
    public static AvatarClient create(ClientOptions options) {
        return of(() -> ClientCalls.make(null, requireNonNull(options, "options")));
    }

    /**
     * Makes a client with this API key. Nothing is sent yet.
     *
     * @throws AvatarException.Misuse if the text cannot be a key.
     */
    public static AvatarClient create(String apiKey) {
        return create(apiKey, ClientOptions.defaults());
    }

    /**
     * The same with options.
     *
     * @throws AvatarException.Misuse if the key or an option cannot be.
     */
    public static AvatarClient create(String apiKey, ClientOptions options) {
        return of(
                () ->
                        ClientCalls.make(
                                requireNonNull(apiKey, "apiKey"),
                                requireNonNull(options, "options")));
    }

    /**
     * A client without an API key, for an app: the function gives each visitor's {@link
     * Credentials}, which a server with the key gets with {@link #authenticate(Visitor)}. All the
     * rest works as with a key. Nothing is sent yet.
     *
     * <pre>{@code
     * AvatarClient client = AvatarClient.withCredentials(request -> backend.credentials(request.refused()));
     * Conversation chat = client.open(backend.credentials(false).visitor());
     * }</pre>
     *
     * The visitor to open is the one that the credentials name: the server knows who its user is,
     * and the app does not choose. Through the Avatar Open API only: Visitor Chat wants the key in
     * every call.
     *
     * @param credentials is asked once for each visitor of whom the client has none, in its store
     *     neither, and again when the service has refused them. Credentials of another visitor than
     *     the one asked for are an {@link AvatarException.Misuse}.
     */
    public static AvatarClient withCredentials(CredentialsProvider credentials) {
        return withCredentials(credentials, ClientOptions.defaults());
    }

    /**
     * The same with options.
     *
     * @throws AvatarException.Misuse if an option cannot be.
     */
    public static AvatarClient withCredentials(
            CredentialsProvider credentials, ClientOptions options) {
        return of(
                () ->
                        ClientCalls.withCredentials(
                                requireNonNull(options, "options"),
                                requireNonNull(credentials, "credentials")));
    }

    /**
     * A client that speaks through Visitor Chat for users of the service, each with a token of
     * their own, and with the key in {@code SECONDME_API_KEY}.
     *
     * <pre>{@code
     * AvatarClient client = AvatarClient.visitorChat(
     *         request -> request.refused() ? backend.refreshToken() : backend.token());
     * }</pre>
     *
     * @param token gives the access token of a user ({@code lba_at_…}). It is asked once for each
     *     visitor, and again when the service has refused that visitor's token.
     * @throws AvatarException.Misuse if there is no key.
     */
    public static AvatarClient visitorChat(TokenProvider token) {
        return visitorChat(token, ClientOptions.defaults());
    }

    /** The same with options. */
    public static AvatarClient visitorChat(TokenProvider token, ClientOptions options) {
        return of(
                () ->
                        ClientCalls.visitorChat(
                                null,
                                requireNonNull(options, "options"),
                                requireNonNull(token, "token")));
    }

    /** The same with this API key. */
    public static AvatarClient visitorChat(String apiKey, TokenProvider token) {
        return visitorChat(apiKey, token, ClientOptions.defaults());
    }

    /**
     * The same with this API key and options.
     *
     * @throws AvatarException.Misuse if the key or an option cannot be.
     */
    public static AvatarClient visitorChat(
            String apiKey, TokenProvider token, ClientOptions options) {
        return of(
                () ->
                        ClientCalls.visitorChat(
                                requireNonNull(apiKey, "apiKey"),
                                requireNonNull(options, "options"),
                                requireNonNull(token, "token")));
    }

    /**
     * A client that speaks through Visitor Chat for an app that is registered with the service, and
     * with the key in {@code SECONDME_API_KEY}. It fetches the app's token, shares it among all
     * visitors, and renews it.
     *
     * <p>For servers only: the client secret must not leave your backend. An app that holds it
     * gives it to everyone who unpacks the app.
     *
     * @throws AvatarException.Misuse if one of the three cannot be.
     */
    public static AvatarClient visitorChat(String clientId, String clientSecret) {
        return visitorChat(clientId, clientSecret, ClientOptions.defaults());
    }

    /** The same with options. */
    public static AvatarClient visitorChat(
            String clientId, String clientSecret, ClientOptions options) {
        return of(
                () ->
                        ClientCalls.visitorChat(
                                requireNonNull(clientId, "clientId"),
                                requireNonNull(clientSecret, "clientSecret"),
                                null,
                                requireNonNull(options, "options")));
    }

    /** The same with this API key. */
    public static AvatarClient visitorChat(String clientId, String clientSecret, String apiKey) {
        return visitorChat(clientId, clientSecret, apiKey, ClientOptions.defaults());
    }

    /**
     * The same with this API key and options.
     *
     * @throws AvatarException.Misuse if one of the three or an option cannot be.
     */
    public static AvatarClient visitorChat(
            String clientId, String clientSecret, String apiKey, ClientOptions options) {
        return of(
                () ->
                        ClientCalls.visitorChat(
                                requireNonNull(clientId, "clientId"),
                                requireNonNull(clientSecret, "clientSecret"),
                                requireNonNull(apiKey, "apiKey"),
                                requireNonNull(options, "options")));
    }

    /**
     * The same with {@code SECONDME_CLIENT_ID}, {@code SECONDME_CLIENT_SECRET} and {@code
     * SECONDME_API_KEY}. For servers only.
     *
     * @throws AvatarException.Misuse if one of them is not set or cannot be.
     */
    public static AvatarClient visitorChatFromEnvironment() {
        return visitorChatFromEnvironment(ClientOptions.defaults());
    }

    /** The same with options. */
    public static AvatarClient visitorChatFromEnvironment(ClientOptions options) {
        return of(() -> ClientCalls.visitorChatFromEnvironment(requireNonNull(options, "options")));
    }

    /**
     * Opens the conversation of this visitor. A visitor who has one already gets the same one, and
     * calls at the same time share one opening. A conversation that was closed goes on with the
     * same session.
     */
    public Conversation open(Visitor visitor) {
        return opening(visitor, null).await();
    }

    /** The future of {@link #open(Visitor)}. */
    public CompletableFuture<Conversation> openAsync(Visitor visitor) {
        return opening(visitor, null).start();
    }

    /**
     * The same within this time, retries and waits included. Default: the option {@code
     * openDeadline}.
     */
    public Conversation open(Visitor visitor, Duration deadline) {
        return opening(visitor, requireNonNull(deadline, "deadline")).await();
    }

    /** The future of {@link #open(Visitor, Duration)}. */
    public CompletableFuture<Conversation> openAsync(Visitor visitor, Duration deadline) {
        return opening(visitor, requireNonNull(deadline, "deadline")).start();
    }

    private Work<Conversation> opening(Visitor visitor, @Nullable Duration deadline) {
        return ClientCalls.open(core, requireNonNull(visitor, "visitor").core, deadline)
                .then(Conversation::new);
    }

    /**
     * Gets a visitor's {@link Credentials}, for an app that must not have the key. Nothing is
     * opened.
     *
     * <p>Give them to the user whose visitor this is and to no other: derive the visitor from the
     * login that your server has verified, never from the request. Each call counts in the key's
     * quota, and waits for its slot.
     */
    public Credentials authenticate(Visitor visitor) {
        return authenticating(visitor, null).await();
    }

    /** The future of {@link #authenticate(Visitor)}. */
    public CompletableFuture<Credentials> authenticateAsync(Visitor visitor) {
        return authenticating(visitor, null).start();
    }

    /**
     * The same within this time, retries and waits included. Default: the option {@code
     * openDeadline}.
     */
    public Credentials authenticate(Visitor visitor, Duration deadline) {
        return authenticating(visitor, requireNonNull(deadline, "deadline")).await();
    }

    /** The future of {@link #authenticate(Visitor, Duration)}. */
    public CompletableFuture<Credentials> authenticateAsync(Visitor visitor, Duration deadline) {
        return authenticating(visitor, requireNonNull(deadline, "deadline")).start();
    }

    private Work<Credentials> authenticating(Visitor visitor, @Nullable Duration deadline) {
        return ClientCalls.authenticate(core, requireNonNull(visitor, "visitor").core, deadline)
                .then(Credentials::new);
    }

    /**
     * Replaces the API key by another one of the same avatar, while conversations live. Later calls
     * that show the key show this one; the visitors' tokens live on, and what was being said goes
     * on. Set it first, and disable the earlier key then.
     *
     * @throws AvatarException.Misuse if the text cannot be a key, or if this client has none to
     *     replace.
     */
    public void setApiKey(String apiKey) {
        Failing.run(() -> core.setApiKey(requireNonNull(apiKey, "apiKey")));
    }

    /**
     * Makes a call of the service that this library does not know, with the API key, and returns
     * the {@code data} of the answer's envelope as a JSON text, as the service wrote it; {@code
     * null} in it where there is none.
     *
     * <p>The path goes on after the base URL, such as {@code
     * /rest/general/message/latest?sessionId=…}, and cannot lead elsewhere. Nothing is sent twice
     * but after the visitor's token was refused. The option {@code onCall} is told of calls with a
     * visitor alone.
     *
     * @param method GET, POST, PUT, PATCH or DELETE.
     * @throws AvatarException.Misuse if the method is unknown, the path could lead to outside of
     *     the base URL, or the body is not JSON: then nothing is sent.
     * @throws AvatarException.InvalidAnswer if the answer is not the service's envelope, such as a
     *     redirect.
     */
    public String request(String method, String path) {
        return requesting(method, path, RequestOptions.DEFAULT).await();
    }

    /** The future of {@link #request(String, String)}. */
    public CompletableFuture<String> requestAsync(String method, String path) {
        return requesting(method, path, RequestOptions.DEFAULT).start();
    }

    /** The same with a body, as a visitor, or with a deadline. */
    public String request(String method, String path, RequestOptions options) {
        return requesting(method, path, options).await();
    }

    /** The future of {@link #request(String, String, RequestOptions)}. */
    public CompletableFuture<String> requestAsync(
            String method, String path, RequestOptions options) {
        return requesting(method, path, options).start();
    }

    private Work<String> requesting(String method, String path, RequestOptions options) {
        return ClientCalls.request(
                core,
                requireNonNull(method, "method"),
                requireNonNull(path, "path"),
                requireNonNull(options, "options"));
    }

    /** What has been counted so far. */
    public Stats stats() {
        return new Stats(Failing.call(core::stats));
    }

    /**
     * Host and port of the proxy between this machine and the service; {@code null} if the
     * connection is direct.
     */
    public @Nullable String proxy() {
        return Failing.call(core::getProxy);
    }

    /**
     * Moves the client's clock forward, for tests. Heartbeats, deadlines and retries in between are
     * due at once, and have begun when this returns. Calls that are under way get their answers
     * first, except those that take more than 0.1 s of real time.
     */
    public void advanceClock(Duration by) {
        Failing.run(() -> ClientCalls.advanceClock(core, requireNonNull(by, "by")));
    }

    /**
     * Closes all conversations, each after sending what is still to be sent. A message that could
     * not be sent in time is given back to the call that waits for it; a durable message stays in
     * the store. Closing twice is no error.
     *
     * <p>It takes at most 5 s, or the option {@code closeDeadline}. An interrupt does not cut it
     * short; the thread is marked as interrupted afterwards.
     */
    @Override
    public void close() {
        closed(ClientCalls.close(core, null));
    }

    /** The same within this time. */
    public void close(Duration deadline) {
        closed(ClientCalls.close(core, requireNonNull(deadline, "deadline")));
    }

    /** The future of {@link #close()}. */
    public CompletableFuture<Void> closeAsync() {
        return ClientCalls.close(core, null).start();
    }

    /** The future of {@link #close(Duration)}. */
    public CompletableFuture<Void> closeAsync(Duration deadline) {
        return ClientCalls.close(core, requireNonNull(deadline, "deadline")).start();
    }

    private static void closed(Work<Void> closing) {
        CompletableFuture<Void> end = closing.startAlone();
        boolean isInterrupted = false;
        while (true) {
            try {
                end.get();
                break;
            } catch (InterruptedException interrupted) {
                isInterrupted = true;
            } catch (ExecutionException failed) {
                if (failed.getCause() instanceof AvatarException why) {
                    throw why;
                }
                throw new AssertionError(failed);
            } finally {
                if (isInterrupted && end.isDone()) {
                    Thread.currentThread().interrupt();
                }
            }
        }
    }

    @Override
    public String toString() {
        return core.toString();
    }
}
