package me.secondme.avatar.java;

import static me.secondme.avatar.java.Talking.PATIENCE;
import static me.secondme.avatar.java.Talking.client;
import static me.secondme.avatar.java.Talking.eventually;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import me.secondme.avatar.testing.AvatarEmulator;
import me.secondme.avatar.testing.WithAvatarEmulator;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Every limit of time is heeded, of a call and among the options. */
@WithAvatarEmulator
class DeadlinesTest {
    @Test
    void everyCallThatTakesADeadlineEndsWithIt(AvatarEmulator emulator) {
        SendOptions send = SendOptions.deadline(Duration.ZERO);
        AskOptions ask = AskOptions.deadline(Duration.ZERO);
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(someone());
            isSlow(
                    emulator,
                    () -> {
                        isLate(
                                () -> client.open(someone(), Duration.ZERO),
                                () -> client.openAsync(someone(), Duration.ZERO));
                        isLate(
                                () -> client.authenticate(someone(), Duration.ZERO),
                                () -> client.authenticateAsync(someone(), Duration.ZERO));
                        isLate(
                                () -> client.request("GET", "/rest/of/ones/own", asSomeone()),
                                () -> client.requestAsync("GET", "/rest/of/ones/own", asSomeone()));
                        isLate(() -> chat.send("late", send), () -> chat.sendAsync("late", send));
                        isLate(() -> chat.ask("late", ask), () -> chat.askAsync("late", ask));
                    });
        }
    }

    @Test
    void everyCallEndsWithTheDeadlineAmongTheOptions(AvatarEmulator emulator) {
        Consumer<ClientOptions.Builder> late =
                options ->
                        options.sendDeadline(Duration.ZERO)
                                .askDeadline(Duration.ZERO)
                                .historyDeadline(Duration.ZERO);
        try (AvatarClient client = client(emulator, late);
                AvatarClient another = client(emulator, o -> o.openDeadline(Duration.ZERO))) {
            Conversation chat = client.open(someone());
            isSlow(
                    emulator,
                    () -> {
                        isLate(() -> chat.send("late"), () -> chat.sendAsync("late"));
                        isLate(() -> chat.ask("late"), () -> chat.askAsync("late"));
                        isLate(() -> chat.history(10), () -> chat.historyAsync(10));
                        isLate(() -> another.open(someone()), () -> another.openAsync(someone()));
                    });
        }
    }

    @Test
    void aDurableMessageIsGivenBackAtItsDeadline(AvatarEmulator emulator, @TempDir Path folder) {
        SendOptions anHour = SendOptions.deadline(Duration.ofHours(1));
        try (AvatarClient client = client(emulator, o -> o.store(folder.resolve("avatar.db")))) {
            Conversation chat = client.open(someone());
            takesNothing(emulator, chat);
            try (Subscription events = chat.subscribe()) {
                String first = chat.sendDurable("kept", anHour);
                String second = chat.sendDurableAsync("kept as well", anHour).join();
                client.advanceClock(Duration.ofMinutes(61));
                assertEquals(first, unsent(events));
                assertEquals(second, unsent(events));
            }
        }
    }

    @Test
    void aClientThatIsClosedGivesItsMessagesBackAtTheDeadline(AvatarEmulator emulator) {
        List<Consumer<AvatarClient>> closings =
                List.of(
                        client -> client.close(Duration.ZERO),
                        client -> client.closeAsync(Duration.ZERO).join());
        for (Consumer<AvatarClient> closing : closings) {
            // Longer than the message is tried, which then would be late, and not given back.
            try (AvatarClient client =
                    client(emulator, o -> o.closeDeadline(Duration.ofHours(1)))) {
                Conversation chat = client.open(someone());
                takesNothing(emulator, chat);
                CompletableFuture<Sent> sent = chat.sendAsync("on its way");
                closing.accept(client);
                assertInstanceOf(AvatarException.Closed.class, why(sent));
            }
        }
    }

    @Test
    void aConversationThatIsClosedWaitsForItsMessagesAsLongAsTheOptionSays(
            AvatarEmulator emulator) {
        try (AvatarClient client = client(emulator, o -> o.closeDeadline(Duration.ofHours(1)))) {
            Conversation chat = client.open(someone());
            takesNothing(emulator, chat);
            CompletableFuture<Sent> sent = chat.sendAsync("on its way");
            CompletableFuture<Void> closed = chat.closeAsync();
            eventually(() -> isClosing(chat));
            // Beyond the time that a close has without the option, and then beyond the message's.
            client.advanceClock(Duration.ofSeconds(10));
            client.advanceClock(Duration.ofSeconds(10));
            assertInstanceOf(AvatarException.Deadline.class, why(sent));
            closed.join();
        }
    }

    /**
     * A visitor whom no client knows. What a call that was late had begun may end after it, and the
     * next call of the same visitor then needs no time.
     */
    private static Visitor someone() {
        return Visitor.forUser("test", UUID.randomUUID().toString());
    }

    private static RequestOptions asSomeone() {
        return RequestOptions.builder().visitor(someone()).deadline(Duration.ZERO).build();
    }

    /** Meanwhile nothing comes from the service at once: what has no time at all is late. */
    private static void isSlow(AvatarEmulator emulator, Runnable meanwhile) {
        String later = "\"do\": {\"delay\": \"5s\"}, \"chance\": 1}";
        emulator.post(
                "faults",
                "[{\"at\": \"call\", " + later + ", {\"at\": \"frame-out\", " + later + "]");
        try {
            meanwhile.run();
        } finally {
            emulator.post("faults/clear");
        }
    }

    /** From now on the service takes no message of this visitor. */
    private static void takesNothing(AvatarEmulator emulator, Conversation chat) {
        String refuse = "\"at\": \"message/send\", \"do\": {\"status\": 503}, \"chance\": 1";
        emulator.post("faults", "{" + refuse + ", \"visitor\": \"" + chat.visitorId() + "\"}");
    }

    /** The id of the next message that is given back. */
    private static String unsent(Subscription events) {
        return events.waitFor(Event.Unsent.class, PATIENCE).message().messageId();
    }

    /** Until it is, what is sent is late. */
    private static boolean isClosing(Conversation chat) {
        SendOptions late = SendOptions.deadline(Duration.ZERO);
        return assertThrows(AvatarException.class, () -> chat.send("late", late))
                instanceof AvatarException.Closed;
    }

    /** Both forms of a call, one after the other. */
    private static void isLate(Executable call, Supplier<CompletableFuture<?>> later) {
        assertThrows(AvatarException.Deadline.class, call);
        assertInstanceOf(AvatarException.Deadline.class, why(later.get()));
    }

    private static Throwable why(CompletableFuture<?> failing) {
        return assertThrows(CompletionException.class, failing::join).getCause();
    }
}
