package me.secondme.avatar.java;

import static me.secondme.avatar.java.Talking.ADA;
import static me.secondme.avatar.java.Talking.client;
import static me.secondme.avatar.java.Talking.eventually;
import static me.secondme.avatar.java.Talking.post;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import me.secondme.avatar.testing.AvatarEmulator;
import me.secondme.avatar.testing.WithAvatarEmulator;

import org.junit.jupiter.api.Test;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

/** What is cancelled or interrupted is given up. */
@WithAvatarEmulator
class GivingUpTest {
    @Test
    void aFutureThatIsCancelledGivesTheQuestionUp(AvatarEmulator emulator) {
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            post(emulator, "owner/takeover", chat, "");
            CompletableFuture<Reply> first = chat.askAsync("the first");
            CompletableFuture<Reply> second = chat.askAsync("never to be sent");
            CompletableFuture<Reply> third = chat.askAsync("nor this");
            assertTrue(second.cancel(true));
            assertThrows(CancellationException.class, second::join);
            third.complete(null);
            first.cancel(true);
            post(emulator, "owner/handback", chat, "");
            assertEquals("You said: the last", chat.ask("the last").text());
            String state = emulator.get("state");
            assertFalse(state.contains("never to be sent") || state.contains("nor this"), state);
        }
    }

    @Test
    void aThreadThatIsInterruptedGivesTheQuestionUp(AvatarEmulator emulator)
            throws InterruptedException {
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            post(emulator, "owner/takeover", chat, "");
            CompletableFuture<Reply> first = chat.askAsync("the first of these");
            eventually(() -> emulator.get("state").contains("the first of these"));
            AtomicReference<Throwable> thrown = new AtomicReference<>();
            AtomicBoolean isMarked = new AtomicBoolean();
            Thread thread =
                    new Thread(
                            () -> {
                                try {
                                    chat.ask("never to be asked");
                                } catch (CancellationException given) {
                                    thrown.set(given);
                                    isMarked.set(Thread.currentThread().isInterrupted());
                                }
                            });
            thread.start();
            eventually(
                    () ->
                            thread.getState() == Thread.State.TIMED_WAITING
                                    || thread.getState() == Thread.State.WAITING);
            thread.interrupt();
            thread.join();
            assertNotNull(thrown.get());
            assertTrue(isMarked.get());
            first.cancel(true);
            post(emulator, "owner/handback", chat, "");
            chat.ask("the very last");
            assertFalse(emulator.get("state").contains("never to be asked"));
        }
    }

    @Test
    void aClientThatIsClosedOnAnInterruptedThreadIsClosed(AvatarEmulator emulator) {
        AvatarClient client = client(emulator);
        Conversation chat = client.open(ADA);
        Thread.currentThread().interrupt();
        client.close();
        assertTrue(Thread.interrupted());
        assertEquals(State.CLOSED, chat.state());
        assertThrows(AvatarException.Closed.class, () -> chat.ask("Hello"));
    }

    @Test
    void codeThatBlocksInAFutureHoldsUpNothing(AvatarEmulator emulator) {
        try (AvatarClient client = client(emulator)) {
            // More than there are threads for coroutines.
            CompletableFuture<?>[] all = new CompletableFuture<?>[16];
            for (int at = 0; at < all.length; at++) {
                Visitor visitor = Visitor.forUser("test", "blocking " + at);
                all[at] = client.openAsync(visitor).thenApply(chat -> chat.ask("Hello").text());
            }
            CompletableFuture.allOf(all).join();
            assertEquals("You said: Hello", all[15].join());
        }
    }
}
