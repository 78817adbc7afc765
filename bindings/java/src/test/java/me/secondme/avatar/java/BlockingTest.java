package me.secondme.avatar.java;

import static me.secondme.avatar.java.Talking.ADA;
import static me.secondme.avatar.java.Talking.client;
import static me.secondme.avatar.java.Talking.eventually;
import static me.secondme.avatar.java.Talking.post;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import me.secondme.avatar.testing.AvatarEmulator;
import me.secondme.avatar.testing.WithAvatarEmulator;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Flow;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;

/** Code of the program that blocks holds up itself, and not the library. */
@WithAvatarEmulator
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class BlockingTest {
    @Test
    void aListenerMayAskWhereverItsExecutorRunsIt(AvatarEmulator emulator) {
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            CompletableFuture<String> answer = new CompletableFuture<>();
            ConversationListener listener =
                    new ConversationListener() {
                        @Override
                        public void onNotice(Event.Notice event) {
                            answer.complete(
                                    chat.ask("blocking").text()
                                            + ", "
                                            + chat.askAsync("later").join().text());
                        }
                    };
            try (var listening = chat.listen(listener, Runnable::run)) {
                post(emulator, "push", chat, ", \"hint\": \"go\"");
                assertEquals("You said: blocking, You said: later", answer.join());
            }
        }
    }

    @Test
    void anExecutorThatLetsItsCallerWaitHoldsUpNothingElse(AvatarEmulator emulator)
            throws Exception {
        CountDownLatch room = new CountDownLatch(1);
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            AtomicInteger waiting = new AtomicInteger();
            AtomicInteger heard = new AtomicInteger();
            ConversationListener listener =
                    new ConversationListener() {
                        @Override
                        public void onNotice(Event.Notice event) {
                            heard.incrementAndGet();
                        }
                    };
            ExecutorService thread = Executors.newSingleThreadExecutor();
            // Its first task finds room: the listener waits for an event then.
            AtomicInteger given = new AtomicInteger();
            try (var listening =
                    chat.listen(
                            listener,
                            task -> {
                                if (given.getAndIncrement() > 0) {
                                    waiting.incrementAndGet();
                                    await(room);
                                }
                                thread.execute(task);
                            })) {
                thread.submit(() -> {}).get();
                post(emulator, "push", chat, ", \"hint\": \"full\"");
                eventually(() -> waiting.get() > 0);
                assertEquals("You said: Hello", chat.ask("Hello").text());
                room.countDown();
                eventually(() -> heard.get() == 1);
            } finally {
                room.countDown();
            }
            thread.shutdown();
        }
    }

    @Test
    void anExecutorThatRefusesEndsTheListeningAndThatIsSaid(AvatarEmulator emulator) {
        List<LogRecord> said = new CopyOnWriteArrayList<>();
        List<Throwable> uncaught = new CopyOnWriteArrayList<>();
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        AvatarLog.setHandler(
                record -> {
                    if (record.level() == LogLevel.ERROR) {
                        said.add(record);
                    }
                });
        Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> uncaught.add(thrown));
        ExecutorService closedFirst = Executors.newSingleThreadExecutor();
        ExecutorService shutDown = Executors.newSingleThreadExecutor();
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            // One that is closed before its executor ends is no failure.
            chat.listen(new ConversationListener() {}, closedFirst).close();
            closedFirst.shutdown();
            try (var listening = chat.listen(new ConversationListener() {}, shutDown)) {
                shutDown.shutdown();
                // One that comes before the listener waits is taken without its executor.
                eventually(
                        () -> {
                            post(emulator, "push", chat, ", \"hint\": \"refused\"");
                            return !uncaught.isEmpty();
                        });
                post(emulator, "push", chat, ", \"hint\": \"not told\"");
                assertEquals("You said: Hello", chat.ask("Hello").text());
            }
            assertEquals(1, said.size(), said.toString());
            assertTrue(said.get(0).message().contains("executor has refused"), said.toString());
            assertEquals(1, uncaught.size(), uncaught.toString());
            assertTrue(uncaught.get(0) instanceof RejectedExecutionException);
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before);
            AvatarLog.setHandler(null);
        }
    }

    @Test
    void aHundredThatBlockHoldUpNeitherAListenerNorASubscriber(AvatarEmulator emulator) {
        CountDownLatch released = new CountDownLatch(1);
        AtomicInteger blocked = new AtomicInteger();
        CountDownLatch last = new CountDownLatch(2);
        List<Listening> all = new ArrayList<>();
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            try {
                for (int at = 0; at < 50; at++) {
                    all.add(
                            chat.listen(
                                    new ConversationListener() {
                                        @Override
                                        public void onNotice(Event.Notice event) {
                                            blocked.incrementAndGet();
                                            await(released);
                                        }
                                    }));
                    chat.events()
                            .subscribe(
                                    taking(
                                            event -> {
                                                blocked.incrementAndGet();
                                                await(released);
                                            }));
                }
                post(emulator, "push", chat, ", \"hint\": \"all\"");
                eventually(() -> blocked.get() == 100);
                all.add(
                        chat.listen(
                                new ConversationListener() {
                                    @Override
                                    public void onNotice(Event.Notice event) {
                                        last.countDown();
                                    }
                                }));
                chat.events().subscribe(taking(event -> last.countDown()));
                post(emulator, "push", chat, ", \"hint\": \"the last two\"");
                await(last);
            } finally {
                released.countDown();
                all.forEach(Listening::close);
            }
        }
    }

    @Test
    void closingWaitsForNoThreadOfTheCommonPool(AvatarEmulator emulator) {
        CountDownLatch released = new CountDownLatch(1);
        int threads = ForkJoinPool.getCommonPoolParallelism();
        // With fewer, futures have threads of their own.
        assertTrue(threads > 1, "the tests are run with 2: see pom.xml");
        CountDownLatch started = new CountDownLatch(threads);
        AvatarClient client = client(emulator);
        try {
            client.open(ADA);
            for (int at = 0; at < threads; at++) {
                ForkJoinPool.commonPool()
                        .execute(
                                () -> {
                                    started.countDown();
                                    await(released);
                                });
            }
            await(started);
            client.close();
        } finally {
            released.countDown();
        }
    }

    private static Flow.Subscriber<Event> taking(java.util.function.Consumer<Event> each) {
        return new Flow.Subscriber<>() {
            @Override
            public void onSubscribe(Flow.Subscription subscription) {
                subscription.request(Long.MAX_VALUE);
            }

            @Override
            public void onNext(Event event) {
                each.accept(event);
            }

            @Override
            public void onError(Throwable failed) {}

            @Override
            public void onComplete() {}
        };
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }
}
