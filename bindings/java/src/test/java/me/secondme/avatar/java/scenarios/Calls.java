package me.secondme.avatar.java.scenarios;

import static me.secondme.avatar.java.scenarios.Values.fields;
import static me.secondme.avatar.java.scenarios.Values.parseJson;
import static me.secondme.avatar.java.scenarios.Values.toJson;

import me.secondme.avatar.java.AskOptions;
import me.secondme.avatar.java.AvatarClient;
import me.secondme.avatar.java.AvatarException;
import me.secondme.avatar.java.Conversation;
import me.secondme.avatar.java.Note;
import me.secondme.avatar.java.Piece;
import me.secondme.avatar.java.ReplyStream;
import me.secondme.avatar.java.RequestOptions;
import me.secondme.avatar.java.SendOptions;
import me.secondme.avatar.java.Visitor;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Flow;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * What a program does with the library, each call in both of its forms: one that a scenario waits
 * for blocks a thread, and one that it waits for later is a future.
 */
final class Calls {
    /** What a call came to. */
    record Outcome(boolean isGood, Object value, Conversation chat) {}

    /** A call that has not begun. */
    record Call(Supplier<Outcome> blocking, Supplier<CompletableFuture<Outcome>> later) {
        static <T> Call of(
                Supplier<T> blocking,
                Supplier<CompletableFuture<T>> later,
                Function<T, Object> written) {
            Function<T, Outcome> good =
                    it ->
                            new Outcome(
                                    true,
                                    written.apply(it),
                                    it instanceof Conversation chat ? chat : null);
            return new Call(
                    () -> {
                        try {
                            return good.apply(blocking.get());
                        } catch (AvatarException failed) {
                            return bad(failed);
                        }
                    },
                    () ->
                            later.get()
                                    .handle(
                                            (it, failed) ->
                                                    failed == null ? good.apply(it) : bad(failed)));
        }

        static Call of(Runnable blocking, Supplier<CompletableFuture<Void>> later) {
            Supplier<Void> done =
                    () -> {
                        blocking.run();
                        return null;
                    };
            return of(done, later, it -> fields());
        }
    }

    private Calls() {}

    private static Outcome bad(Throwable failed) {
        Throwable why = failed instanceof CompletionException ? failed.getCause() : failed;
        if (why instanceof AvatarException expected) {
            return new Outcome(false, Written.written(expected), null);
        }
        throw new AssertionError("it failed with what is not the library's", why);
    }

    /** The visitor's id may be what is wrong: it is read by the call. */
    static Call open(AvatarClient client, Supplier<Visitor> visitor) {
        return Call.of(
                () -> client.open(visitor.get()),
                () -> client.openAsync(visitor.get()),
                it -> Written.written(it));
    }

    static Call of(String verb, Conversation chat, Map<?, ?> about) {
        String text = about.get("text") == null ? "" : (String) about.get("text");
        int count = about.get("count") == null ? 50 : ((Number) about.get("count")).intValue();
        AskOptions ask = asking(about);
        SendOptions send = sending(about);
        return switch (verb) {
            case "ask" ->
                    Call.of(
                            () -> chat.ask(text, ask),
                            () -> chat.askAsync(text, ask),
                            it -> Written.written(it));
            case "stream" ->
                    Call.of(
                            () -> read(chat.stream(text, ask)),
                            () -> subscribed(chat.stream(text, ask)),
                            it -> fields("text", it));
            case "send" ->
                    Call.of(
                            () -> chat.send(text, send),
                            () -> chat.sendAsync(text, send),
                            it -> Written.written(it));
            case "history" ->
                    Call.of(
                            () -> chat.history(count),
                            () -> chat.historyAsync(count),
                            it -> Written.written(it));
            case "new_session" ->
                    Call.of(chat::newSession, chat::newSessionAsync, it -> Written.written(it));
            case "close" -> Call.of(chat::close, chat::closeAsync);
            case "end" -> Call.of(chat::end, chat::endAsync);
            case "pause" -> Call.of(chat::pause, chat::pauseAsync);
            case "resume" -> Call.of(chat::resume, chat::resumeAsync);
            case "network_changed" -> Call.of(chat::networkChanged, chat::networkChangedAsync);
            default -> throw new IllegalStateException("there is no step `" + verb + "`");
        };
    }

    private static AskOptions asking(Map<?, ?> about) {
        AskOptions.Builder options = AskOptions.builder();
        if (about.get("collect") != null) {
            options.collect(Clients.duration(about.get("collect")));
        }
        if (about.get("message_id") != null) {
            options.messageId((String) about.get("message_id"));
        }
        return options.build();
    }

    private static SendOptions sending(Map<?, ?> about) {
        SendOptions.Builder options = SendOptions.builder();
        if (about.get("message_id") != null) {
            options.messageId((String) about.get("message_id"));
        }
        return options.build();
    }

    /** With a loop. */
    private static String read(ReplyStream stream) {
        StringBuilder all = new StringBuilder();
        try (stream) {
            for (Piece piece : stream) {
                all.append(piece.text());
            }
        }
        return all.toString();
    }

    /** By a subscriber. */
    private static CompletableFuture<String> subscribed(ReplyStream stream) {
        CompletableFuture<String> whole = new CompletableFuture<>();
        StringBuilder all = new StringBuilder();
        stream.subscribe(
                new Flow.Subscriber<>() {
                    @Override
                    public void onSubscribe(Flow.Subscription subscription) {
                        subscription.request(Long.MAX_VALUE);
                    }

                    @Override
                    public void onNext(Piece piece) {
                        all.append(piece.text());
                    }

                    @Override
                    public void onError(Throwable failed) {
                        whole.completeExceptionally(failed);
                    }

                    @Override
                    public void onComplete() {
                        whole.complete(all.toString());
                    }
                });
        return whole;
    }

    /** What is the client's: notes, and calls of the program's own. */
    static Call ofClient(String verb, AvatarClient client, Map<?, ?> about) {
        String in = (String) about.get("in");
        Visitor visitor = in == null ? null : Clients.visitor(in, about);
        if (verb.equals("request")) {
            return request(client, visitor, about);
        }
        if (verb.equals("notes")) {
            String prefix = (String) about.get("prefix");
            return Call.of(
                    () -> client.notes(prefix), () -> client.notesAsync(prefix), Calls::notes);
        }
        return note(verb, client, visitor, about);
    }

    private static Call note(String verb, AvatarClient client, Visitor visitor, Map<?, ?> about) {
        String key = (String) about.get("key");
        String text = about.get("text") == null ? "" : (String) about.get("text");
        Object seconds = about.get("lifetime");
        Duration life = seconds == null ? null : Clients.duration(seconds);
        Function<Boolean, Object> done = it -> fields("done", it);
        return switch (verb) {
            case "set_note" ->
                    life == null
                            ? Call.of(
                                    () -> client.setNote(visitor, key, text),
                                    () -> client.setNoteAsync(visitor, key, text))
                            : Call.of(
                                    () -> client.setNote(visitor, key, text, life),
                                    () -> client.setNoteAsync(visitor, key, text, life));
            case "add_note" ->
                    life == null
                            ? Call.of(
                                    () -> client.addNote(visitor, key, text),
                                    () -> client.addNoteAsync(visitor, key, text),
                                    done)
                            : Call.of(
                                    () -> client.addNote(visitor, key, text, life),
                                    () -> client.addNoteAsync(visitor, key, text, life),
                                    done);
            case "delete_note" ->
                    Call.of(
                            () -> client.deleteNote(visitor, key),
                            () -> client.deleteNoteAsync(visitor, key),
                            done);
            case "note" ->
                    Call.of(
                            () -> client.note(visitor, key),
                            () -> client.noteAsync(visitor, key),
                            it -> fields("text", it));
            default -> throw new IllegalStateException("there is no step `" + verb + "`");
        };
    }

    private static Object notes(List<Note> notes) {
        return fields(
                "notes",
                notes.stream()
                        .map(
                                it ->
                                        fields(
                                                "visitor_id",
                                                it.visitor().id(),
                                                "key",
                                                it.key(),
                                                "text",
                                                it.text()))
                        .toList());
    }

    private static Call request(AvatarClient client, Visitor visitor, Map<?, ?> about) {
        String method = (String) about.get("method");
        String path =
                about.get("path") instanceof List<?> parts
                        ? String.join("", parts.stream().map(Object::toString).toList())
                        : (String) about.get("path");
        RequestOptions.Builder options = RequestOptions.builder();
        if (visitor != null) {
            options.visitor(visitor);
        }
        if (about.get("body") != null) {
            options.body(toJson(about.get("body")));
        }
        RequestOptions chosen = options.build();
        return Call.of(
                () -> client.request(method, path, chosen),
                () -> client.requestAsync(method, path, chosen),
                it -> fields("data", parseJson(it)));
    }
}
