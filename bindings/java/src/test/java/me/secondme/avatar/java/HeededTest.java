package me.secondme.avatar.java;

import static me.secondme.avatar.java.Talking.ADA;
import static me.secondme.avatar.java.Talking.PATIENCE;
import static me.secondme.avatar.java.Talking.client;
import static me.secondme.avatar.java.Talking.post;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import me.secondme.avatar.testing.AvatarEmulator;
import me.secondme.avatar.testing.WithAvatarEmulator;

import org.junit.jupiter.api.Test;

import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Flow;

/**
 * What a call is told, it heeds: its place in the history, that nobody listens any more. Its limit
 * of time has {@link DeadlinesTest}.
 */
@WithAvatarEmulator
class HeededTest {
    @Test
    void theHistoryBeforeAMessageIsWhatCameBeforeIt(AvatarEmulator emulator) {
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            chat.ask("one");
            chat.ask("two");
            List<HistoryMessage> all = chat.history();
            HistoryMessage last = all.get(all.size() - 1);
            List<String> before =
                    all.stream().limit(all.size() - 1).map(HistoryMessage::text).toList();
            assertEquals(before, texts(chat.history(50, last.seqId())));
            assertEquals(before, texts(chat.historyAsync(50, last.seqId()).join()));
        }
    }

    @Test
    void aStreamThatIsClosedUnreadAsksNothing(AvatarEmulator emulator) {
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            ReplyStream stream = chat.stream("never to be sent");
            stream.close();
            stream.forEach(piece -> {});
            assertThrows(AvatarException.Misuse.class, stream::reply);
            chat.ask("the last");
            assertFalse(emulator.get("state").contains("never to be sent"));
        }
    }

    @Test
    void aStreamThatIsClosedHalfReadDropsWhatHasCome(AvatarEmulator emulator) {
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            try (Subscription events = chat.subscribe()) {
                ReplyStream stream = chat.stream("one two three four five six");
                Iterator<Piece> pieces = stream.iterator();
                pieces.next();
                events.waitFor(Event.Reply.class, PATIENCE);
                stream.close();
                assertFalse(pieces.hasNext());
            }
        }
    }

    @Test
    void whatNobodyHearsAnyMoreHoldsNoSocketUp(AvatarEmulator emulator) {
        try (AvatarClient client = client(emulator, options -> options.eventQueue(2))) {
            Conversation chat = client.open(ADA);
            Unread left = new Unread();
            chat.events().subscribe(left);
            left.subscription.cancel();
            chat.subscribe().close();
            for (int at = 0; at < 10; at++) {
                assertEquals("You said: " + at, chat.ask(String.valueOf(at)).text());
            }
        }
    }

    @Test
    void aListenerThatIsClosedHearsNothingMore(AvatarEmulator emulator) {
        List<String> heard = new CopyOnWriteArrayList<>();
        ConversationListener listener =
                new ConversationListener() {
                    @Override
                    public void onNotice(Event.Notice event) {
                        heard.add(event.text());
                    }
                };
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            try (Listening ofChat = chat.listen(listener, Runnable::run);
                    Listening ofClient = client.listen(listener, Runnable::run)) {
                post(emulator, "push", chat, ", \"hint\": \"heard\"");
                Talking.eventually(() -> heard.size() == 2);
            }
            // What hears the next one is made behind both.
            List<Event> last = new CopyOnWriteArrayList<>();
            ConversationListener later =
                    new ConversationListener() {
                        @Override
                        public void onNotice(Event.Notice event) {
                            last.add(event);
                        }
                    };
            try (Listening behind = chat.listen(later, Runnable::run)) {
                post(emulator, "push", chat, ", \"hint\": \"not heard\"");
                Talking.eventually(() -> last.size() == 1);
            }
        }
        assertEquals(List.of("heard", "heard"), heard);
    }

    private static List<String> texts(List<HistoryMessage> messages) {
        return messages.stream().map(HistoryMessage::text).toList();
    }

    /** Requests nothing. */
    private static final class Unread implements Flow.Subscriber<Event> {
        private Flow.Subscription subscription;

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            this.subscription = subscription;
        }

        @Override
        public void onNext(Event event) {}

        @Override
        public void onError(Throwable failed) {}

        @Override
        public void onComplete() {}
    }
}
