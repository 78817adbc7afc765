package me.secondme.avatar.java;

import me.secondme.avatar.testing.AvatarEmulator;

import org.reactivestreams.tck.TestEnvironment;
import org.reactivestreams.tck.flow.FlowPublisherVerification;
import org.testng.annotations.AfterClass;
import org.testng.annotations.BeforeClass;
import org.testng.annotations.Test;

import java.time.Duration;
import java.util.concurrent.Flow;

/** The rules of reactive streams, as their authors test them. */
@Test
public class ReactiveStreamsTest extends FlowPublisherVerification<Event> {
    private AvatarEmulator emulator;
    private AvatarClient client;
    private Conversation chat;
    private int pushed;

    /** What must not come is waited for as briefly as that: the rules' own tests do so. */
    public ReactiveStreamsTest() {
        super(new TestEnvironment(5000, 20, false), 200);
    }

    @BeforeClass
    public void start() {
        emulator = AvatarEmulator.start();
        client = Talking.client(emulator);
        chat = client.open(Talking.ADA);
    }

    @AfterClass(alwaysRun = true)
    public void end() {
        client.close();
        emulator.close();
    }

    @Override
    public long maxElementsFromPublisher() {
        return 20;
    }

    /** A subscription in which so many events have come, and no more will. */
    @Override
    public Flow.Publisher<Event> createFlowPublisher(long elements) {
        Subscription events = chat.subscribe();
        try (Subscription watching = chat.subscribe()) {
            for (long at = 0; at < elements; at++) {
                pushed += 1;
                Talking.post(emulator, "push", chat, ", \"hint\": \"" + pushed + "\"");
            }
            String last = String.valueOf(pushed);
            if (elements > 0) {
                watching.waitFor(
                        Event.Notice.class,
                        notice -> notice.text().equals(last),
                        Duration.ofSeconds(30));
            }
        }
        events.finish();
        return events.events();
    }

    @Override
    public Flow.Publisher<Event> createFailedFlowPublisher() {
        AvatarClient closed = Talking.client(emulator);
        closed.close();
        return closed.events();
    }
}
