package me.secondme.avatar.java;

import static me.secondme.avatar.java.Talking.ADA;
import static me.secondme.avatar.java.Talking.PATIENCE;
import static me.secondme.avatar.java.Talking.client;
import static me.secondme.avatar.java.Talking.eventually;
import static me.secondme.avatar.java.Talking.post;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import kotlin.Unit;

import me.secondme.avatar.testing.AvatarEmulator;
import me.secondme.avatar.testing.WithAvatarEmulator;

import org.junit.jupiter.api.Test;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/** What has come, and why something failed, reaches the program. */
@WithAvatarEmulator
class NothingIsLostTest {
    @Test
    void anEventThatIsTakenIsGivenThoughItsTimeHasRunOut(AvatarEmulator emulator) {
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            Conversation quiet = client.open(Visitor.forUser("test", "quiet"));
            try (Subscription events = chat.subscribe();
                    Subscription sure = chat.subscribe();
                    Subscription none = quiet.subscribe()) {
                post(emulator, "push", chat, ", \"hint\": \"taken\"");
                sure.waitFor(Event.Notice.class, PATIENCE);
                Duration time = Duration.ofMillis(200);
                Event.Notice notice =
                        events.waitFor(
                                Event.Notice.class,
                                // Begun later, so it ends after the time of the wait around it.
                                taken -> {
                                    assertThrows(
                                            AvatarException.Deadline.class, () -> none.next(time));
                                    return true;
                                },
                                time);
                assertEquals("taken", notice.text());
            }
        }
    }

    @Test
    void aWaitThatEndsInTheLastMomentLeavesTheEvent(AvatarEmulator emulator) {
        List<Consumer<CompletableFuture<?>>> ends =
                List.of(
                        wait -> wait.cancel(true),
                        wait -> wait.orTimeout(1, TimeUnit.MILLISECONDS),
                        wait -> wait.completeOnTimeout(null, 1, TimeUnit.MILLISECONDS),
                        wait -> wait.completeAsync(() -> null));
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            for (Consumer<CompletableFuture<?>> end : ends) {
                try (Subscription events = chat.subscribe()) {
                    CompletableFuture<CompletableFuture<?>> self = new CompletableFuture<>();
                    CompletableFuture<Event.Notice> wait =
                            events.waitForAsync(
                                    Event.Notice.class,
                                    event -> {
                                        // Here it has been found, and the future knows nothing of
                                        // it.
                                        end.accept(self.join());
                                        eventually(self.join()::isDone);
                                        return true;
                                    });
                    self.complete(wait);
                    post(emulator, "push", chat, ", \"hint\": \"kept\"");
                    eventually(wait::isDone);
                    assertEquals("kept", events.waitFor(Event.Notice.class, PATIENCE).text());
                }
            }
        }
    }

    @Test
    void aThousandWaitsThatAreCancelledLoseNoEvent(AvatarEmulator emulator) {
        List<String> all = IntStream.range(0, 1000).mapToObj(Integer::toString).toList();
        List<String> heard = new ArrayList<>();
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            try (Subscription events = chat.subscribe()) {
                for (String text : all) {
                    CompletableFuture<Event.Notice> wait = events.waitForAsync(Event.Notice.class);
                    post(emulator, "push", chat, ", \"hint\": \"" + text + "\"");
                    if (!wait.cancel(true)) {
                        heard.add(wait.join().text());
                    }
                }
                while (heard.size() < all.size()) {
                    heard.add(events.waitFor(Event.Notice.class, PATIENCE).text());
                }
            }
        }
        assertEquals(all, heard);
    }

    @Test
    void aSubscriberIsToldOfEveryFailure() {
        for (Throwable broken :
                new Throwable[] {new IllegalStateException(), new AssertionError()}) {
            Taking<String> subscriber = new Taking<>();
            AtomicInteger ends = new AtomicInteger();
            new Sending<String>(
                            subscriber,
                            () -> {
                                ends.incrementAndGet();
                                return Unit.INSTANCE;
                            },
                            continuation -> {
                                throw sneaky(broken);
                            })
                    .begin();
            CompletionException told =
                    assertThrows(
                            CompletionException.class,
                            () -> subscriber.end.orTimeout(30, TimeUnit.SECONDS).join());
            assertSame(broken, told.getCause());
            eventually(() -> ends.get() == 1);
        }
    }

    @Test
    void aSubscriberThatThrowsAtOnceLeavesNoSubscriptionBehind() {
        AtomicInteger ends = new AtomicInteger();
        Sending<String> sending =
                new Sending<>(
                        new Taking<>() {
                            @Override
                            public void onSubscribe(Flow.Subscription subscription) {
                                throw new IllegalStateException("not now");
                            }
                        },
                        () -> {
                            ends.incrementAndGet();
                            return Unit.INSTANCE;
                        },
                        continuation -> null);
        assertThrows(IllegalStateException.class, sending::begin);
        assertEquals(1, ends.get());
    }

    @Test
    void aFailureSurvivesSerialization(AvatarEmulator emulator) throws Exception {
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            emulator.post("faults", "{\"at\": \"message/send\", \"do\": \"hang-before\"}");
            AvatarException unsent =
                    assertThrows(
                            AvatarException.class,
                            () ->
                                    chat.send(
                                            "kept",
                                            SendOptions.builder()
                                                    .deadline(Duration.ofMillis(50))
                                                    .build()));
            AvatarException read = assertInstanceOf(unsent.getClass(), again(unsent));
            assertEquals(unsent.getMessage(), read.getMessage());
            assertEquals("kept", read.unsent().text());
            assertEquals(unsent.unsent().messageId(), read.unsent().messageId());
            assertEquals(unsent.retryable(), read.retryable());
            // Kotlin's too, of which it was made.
            assertInstanceOf(me.secondme.avatar.AvatarException.class, again(unsent.core()));
        }
        AvatarException made =
                assertThrows(AvatarException.Misuse.class, () -> AvatarClient.create("no key"));
        AvatarException read = (AvatarException) again(made);
        assertEquals(made.kind(), read.kind());
        assertNull(read.unsent());
        assertNull(read.step());
    }

    private static Object again(Object written) throws IOException, ClassNotFoundException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(written);
        }
        try (ObjectInputStream in =
                new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
            return in.readObject();
        }
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> RuntimeException sneaky(Throwable thrown) throws T {
        throw (T) thrown;
    }

    private static class Taking<T> implements Flow.Subscriber<T> {
        final CompletableFuture<Void> end = new CompletableFuture<>();

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscription.request(1);
        }

        @Override
        public void onNext(T item) {}

        @Override
        public void onError(Throwable failed) {
            end.completeExceptionally(failed);
        }

        @Override
        public void onComplete() {
            end.complete(null);
        }
    }
}
