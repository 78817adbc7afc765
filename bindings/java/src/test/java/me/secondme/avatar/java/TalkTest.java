package me.secondme.avatar.java;

import static me.secondme.avatar.java.Talking.ADA;
import static me.secondme.avatar.java.Talking.PATIENCE;
import static me.secondme.avatar.java.Talking.client;
import static me.secondme.avatar.java.Talking.options;
import static me.secondme.avatar.java.Talking.post;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import me.secondme.avatar.testing.AvatarEmulator;
import me.secondme.avatar.testing.WithAvatarEmulator;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Flow;

/** Every call, as a Java program makes it. */
@WithAvatarEmulator({"--user-token", "lba_at_ann=ann"})
class TalkTest {
    @Test
    void aConversationBlockingAndLater(AvatarEmulator emulator) {
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA, PATIENCE);
            assertEquals("Hello! 👋", chat.opening());
            Reply reply =
                    chat.ask("one", AskOptions.builder().collect(Duration.ofMillis(1)).build());
            assertEquals("You said: one", reply.text());
            assertEquals(Author.AVATAR, reply.author());
            assertInstanceOf(Part.Text.class, reply.parts().get(0));
            List<CompletableFuture<Reply>> asked =
                    List.of(chat.askAsync("two"), chat.askAsync("three"));
            assertEquals("You said: two", asked.get(0).join().text());
            assertEquals("You said: three", asked.get(1).join().text());
            String id = Conversation.newMessageId();
            assertEquals(
                    id, chat.send("four", SendOptions.builder().messageId(id).build()).messageId());
            assertNotEquals(id, chat.sendAsync("five").join().messageId());
            assertTrue(chat.history().stream().anyMatch(said -> id.equals(said.id())));
            HistoryMessage last = chat.history(1).get(0);
            assertEquals(1, chat.historyAsync(1, last.seqId()).join().size());
            Conversation second = chat.newSession();
            assertNotEquals(chat.key(), second.key());
            second.end();
            assertEquals(State.CLOSED, second.state());
            chat.pause();
            assertEquals(State.PAUSED, chat.state());
            chat.resume();
            chat.networkChangedAsync().join();
            assertEquals("You said: six", chat.ask("six").text());
            assertTrue(client.stats().replies() >= 4);
            assertNull(client.proxy());
            client.advanceClock(Duration.ofSeconds(1));
            chat.close();
        }
    }

    @Test
    void aReplyInPiecesForALoopAndForASubscriber(AvatarEmulator emulator)
            throws InterruptedException {
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            StringBuilder said = new StringBuilder();
            ReplyStream stream = chat.stream("one two three");
            assertThrows(AvatarException.Misuse.class, stream::reply);
            stream.forEach(piece -> said.append(piece.text()));
            assertEquals("You said: one two three", said.toString());
            assertEquals(said.toString(), stream.reply().text());
            assertThrows(AvatarException.Misuse.class, () -> stream.forEach(piece -> {}));

            // One that is left early holds nothing back.
            try (ReplyStream left = chat.stream("four five six")) {
                assertTrue("You said: four five six".startsWith(left.iterator().next().text()));
            }
            ReplyStream stopped = chat.stream("never sent");
            stopped.stop();
            stopped.forEach(piece -> said.append(piece.text()));
            assertThrows(AvatarException.Misuse.class, stopped::reply);
            Pulling<Piece> pulling = new Pulling<>();
            chat.stream("seven eight").subscribe(pulling);
            assertEquals(
                    "You said: seven eight",
                    String.join("", pulling.all().stream().map(Piece::text).toList()));
        }
    }

    @Test
    void theReplyOfAStreamThatFailedIsItsFailure(AvatarEmulator emulator)
            throws InterruptedException {
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(Visitor.forUser("test", "unheard"));
            String hangs = "\"at\": \"message/send\", \"do\": \"hang-before\"";
            emulator.post("faults", "{" + hangs + ", \"visitor\": \"" + chat.visitorId() + "\"}");
            ReplyStream late = chat.stream("late", AskOptions.deadline(Duration.ZERO));
            AvatarException failed =
                    assertThrows(AvatarException.Deadline.class, () -> late.forEach(piece -> {}));
            assertSame(
                    failed.getMessage(), assertThrows(failed.getClass(), late::reply).getMessage());
            ReplyStream closed = chat.stream("closed");
            client.close();
            CompletableFuture<Throwable> told = new CompletableFuture<>();
            closed.subscribe(
                    new Flow.Subscriber<>() {
                        @Override
                        public void onSubscribe(Flow.Subscription subscription) {
                            subscription.request(1);
                        }

                        @Override
                        public void onNext(Piece piece) {
                            told.complete(new AssertionError(piece.toString()));
                        }

                        @Override
                        public void onError(Throwable why) {
                            told.complete(why);
                        }

                        @Override
                        public void onComplete() {
                            told.complete(new AssertionError("complete"));
                        }
                    });
            assertInstanceOf(AvatarException.Closed.class, told.join());
            assertThrows(AvatarException.Closed.class, closed::reply);
        }
    }

    @Test
    void eventsInEveryForm(AvatarEmulator emulator) throws Exception {
        try (AvatarClient client = client(emulator)) {
            List<String> heard = Collections.synchronizedList(new ArrayList<>());
            Pulling<Event> pulling = new Pulling<>();
            client.events().subscribe(pulling);
            var executor = Executors.newSingleThreadExecutor();
            Listening listening =
                    client.listen(
                            new ConversationListener() {
                                @Override
                                public void onOwnerReply(Event.OwnerReply event) {
                                    // It may block, in a call of the library too.
                                    heard.add(event.tag() + " " + client.stats().visitors());
                                    throw new IllegalStateException("thrown by a listener");
                                }

                                @Override
                                public void onThrown(Event event, Throwable thrown) {
                                    heard.add(thrown.getMessage());
                                }

                                @Override
                                public void onClosed(Event.Closed event) {
                                    heard.add(event.reason().toString());
                                }
                            },
                            executor);
            Conversation chat = client.open(ADA.withTag("room 7"));
            try (Subscription events = chat.subscribeRaw()) {
                assertThrows(
                        AvatarException.Deadline.class, () -> events.next(Duration.ofMillis(1)));
                CompletableFuture<Event.TakenOver> taken = chat.waitForAsync(Event.TakenOver.class);
                post(emulator, "owner/reply", chat, ", \"text\": \"It is me\"");
                Event.OwnerReply owner = events.waitFor(Event.OwnerReply.class, PATIENCE);
                assertEquals("It is me", owner.reply().text());
                assertTrue(owner.raw().contains("It is me"));
                assertEquals("room 7", taken.join().tag());
                assertTrue(chat.takenOver());
                assertThrows(
                        AvatarException.Deadline.class,
                        () -> chat.waitFor(Event.Closed.class, Duration.ofMillis(1)));
                events.finish();
                for (Event rest : events) {
                    assertFalse(rest instanceof Event.OwnerReply);
                }
                assertNull(events.next());
            }
            chat.close();
            Talking.eventually(() -> heard.size() >= 3);
            listening.close();
            executor.shutdown();
            client.close();
            assertEquals(
                    List.of("room 7 1", "thrown by a listener", "Requested"), heard.subList(0, 3));
            List<Event> all = pulling.all();
            assertTrue(all.stream().anyMatch(event -> event instanceof Event.Opened));
            assertInstanceOf(Event.Closed.class, all.get(all.size() - 1));
        }
    }

    @Test
    void failuresAreUncheckedAndKeepTheirKind(AvatarEmulator emulator) {
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            post(emulator, "owner/takeover", chat, "");
            post(emulator, "owner/reply", chat, ", \"text\": \"Let me\"");
            Talking.eventually(chat::takenOver);
            AvatarException.TakenOver late =
                    assertThrows(
                            AvatarException.TakenOver.class,
                            () ->
                                    chat.ask(
                                            "Hello",
                                            AskOptions.builder()
                                                    .firstPieceDeadline(Duration.ofMillis(50))
                                                    .build()));
            assertEquals("taken_over", late.kind());
            assertTrue(
                    java.util.Arrays.stream(late.getStackTrace())
                            .anyMatch(frame -> frame.getClassName().equals(getClass().getName())));
            var later = chat.askAsync("Hello", AskOptions.deadline(Duration.ofMillis(50)));
            assertInstanceOf(
                    AvatarException.class,
                    assertThrows(CompletionException.class, later::join).getCause());
            assertThrows(
                    AvatarException.Misuse.class,
                    () -> chat.ask("Hello", AskOptions.deadline(Duration.ofMillis(-1))));
            assertThrows(AvatarException.Misuse.class, () -> chat.sendDurable("kept"));
        }
        assertThrows(AvatarException.Misuse.class, () -> AvatarClient.create("no key"));
        assertThrows(AvatarException.InvalidVisitorId.class, () -> Visitor.parse("nothing"));
        try (AvatarClient wrong =
                AvatarClient.create("sk-0123456789abcdef", options(emulator, o -> {}))) {
            AvatarException refused =
                    assertThrows(AvatarException.Authentication.class, () -> wrong.open(ADA));
            assertEquals(Step.AUTHENTICATE, refused.step());
            assertFalse(refused.retryable());
        }
    }

    @Test
    void whatIsKept(AvatarEmulator emulator, @TempDir Path folder) throws IOException {
        Seal seal =
                new Seal() {
                    @Override
                    public byte[] seal(byte[] bytes) {
                        return turned(bytes);
                    }

                    @Override
                    public byte[] unseal(byte[] sealed) {
                        return turned(sealed);
                    }

                    private byte[] turned(byte[] bytes) {
                        byte[] turned = bytes.clone();
                        for (int at = 0; at < turned.length; at++) {
                            turned[at] ^= 42;
                        }
                        return turned;
                    }
                };
        List<Step> steps = Collections.synchronizedList(new ArrayList<>());
        Path store = folder.resolve("avatar.db");
        try (AvatarClient client =
                client(
                        emulator,
                        o -> o.store(store).seal(seal).onCall(call -> steps.add(call.step())))) {
            Visitor ada = ADA.withName("Ada").withChannel("test").withTag("room 7");
            Conversation chat = client.open(ada);
            try (Subscription events = chat.subscribe()) {
                String id = chat.sendDurable("kept");
                assertEquals(id, events.waitFor(Event.Delivered.class, PATIENCE).messageId());
            }
            client.setNote(ada, "greeted", "yes", Duration.ofDays(1));
            assertFalse(client.addNote(ada, "greeted", "again"));
            assertEquals("yes", client.note(ada, "greeted"));
            assertNull(client.noteAsync(ada, "nothing").join());
            assertEquals("yes", client.notes("gree").get(0).text());
            assertTrue(client.deleteNote(ada, "greeted"));
            assertEquals(List.of(ada), client.known());
            client.backup(folder.resolve("copy.db"));
            assertTrue(Files.size(folder.resolve("copy.db")) > 0);
            assertTrue(client.export(ada).contains("room 7"));
            assertEquals(0, client.forgetIdle(Duration.ofDays(1)));
            assertTrue(
                    client.request(
                                            "GET",
                                            "/rest/general/message/latest?sessionId="
                                                    + chat.sessionId(),
                                            RequestOptions.builder().visitor(ada).build())
                                    .length()
                            > 1);
            client.setApiKey(emulator.apiKey());
        }
        assertTrue(steps.contains(Step.AUTHENTICATE), steps.toString());
        try (AvatarClient client = client(emulator, o -> o.store(store).seal(seal))) {
            assertEquals(List.of(ADA.id()), client.recoverAll());
            assertEquals(List.of(), client.recover());
            client.forget(ADA);
            assertEquals(List.of(), client.knownAsync().join());
        }
    }

    @Test
    void theOtherDoors(AvatarEmulator emulator) {
        ClientOptions lab = ClientOptions.builder().baseUrl(emulator.labBaseUrl()).build();
        try (AvatarClient app =
                AvatarClient.visitorChat(
                        emulator.clientId(), emulator.clientSecret(), emulator.apiKey(), lab)) {
            assertEquals("You said: Hello", app.open(ADA).ask("Hello").text());
        }
        List<TokenRequest> wanted = Collections.synchronizedList(new ArrayList<>());
        TokenProvider tokens =
                request -> {
                    wanted.add(request);
                    return "lba_at_ann";
                };
        try (AvatarClient users = AvatarClient.visitorChat(emulator.apiKey(), tokens, lab)) {
            assertEquals("You said: Hello", users.open(ADA).ask("Hello").text());
        }
        assertEquals(List.of(new TokenRequest(ADA.id(), false)), wanted);
        TokenProvider failing =
                request -> {
                    throw new IllegalStateException("no token today");
                };
        try (AvatarClient users = AvatarClient.visitorChat(emulator.apiKey(), failing, lab)) {
            AvatarException failed =
                    assertThrows(AvatarException.Authentication.class, () -> users.open(ADA));
            assertTrue(failed.getMessage().contains("no token today"), failed.getMessage());
        }
        try (AvatarClient server = client(emulator)) {
            CredentialsProvider backend =
                    request ->
                            Credentials.fromJson(
                                    server.authenticate(Visitor.parse(request.visitorId()))
                                            .toJson());
            try (AvatarClient app =
                    AvatarClient.withCredentials(backend, options(emulator, o -> {}))) {
                assertEquals("You said: Hello", app.open(ADA).ask("Hello").text());
            }
            // A failure of the server's own keeps its kind.
            CredentialsProvider closed =
                    request -> {
                        try (AvatarClient wrong =
                                AvatarClient.create(
                                        "sk-0123456789abcdef", options(emulator, o -> {}))) {
                            return wrong.authenticate(ADA);
                        }
                    };
            try (AvatarClient app =
                    AvatarClient.withCredentials(closed, options(emulator, o -> {}))) {
                assertThrows(AvatarException.Authentication.class, () -> app.open(ADA));
            }
        }
    }

    /** Requests one at a time. */
    private static final class Pulling<T> implements Flow.Subscriber<T> {
        private final List<T> taken = new ArrayList<>();
        private final CompletableFuture<List<T>> all = new CompletableFuture<>();
        private Flow.Subscription subscription;

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            this.subscription = subscription;
            subscription.request(1);
        }

        @Override
        public void onNext(T item) {
            taken.add(item);
            subscription.request(1);
        }

        @Override
        public void onError(Throwable failed) {
            all.completeExceptionally(failed);
        }

        @Override
        public void onComplete() {
            all.complete(taken);
        }

        List<T> all() {
            return all.orTimeout(30, java.util.concurrent.TimeUnit.SECONDS).join();
        }
    }
}
