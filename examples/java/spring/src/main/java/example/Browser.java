package example;

import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.function.Consumer;

/**
 * A browser that reads server-sent events. When it goes, what it is told of is no longer wanted.
 * One that is told nothing is not seen to go, so it is held for a time only: an {@code EventSource}
 * connects again by itself.
 */
final class Browser {
    private final SseEmitter emitter;
    private final CompletableFuture<Void> gone = new CompletableFuture<>();

    Browser(Duration held) {
        emitter = new SseEmitter(held.toMillis());
        emitter.onTimeout(emitter::complete);
        emitter.onError(failed -> gone.complete(null));
        emitter.onCompletion(() -> gone.complete(null));
    }

    SseEmitter emitter() {
        return emitter;
    }

    void whenGone(Runnable then) {
        gone.thenRun(then);
    }

    void end() {
        emitter.complete();
    }

    void send(String event, String data) {
        try {
            emitter.send(SseEmitter.event().name(event).data(data));
        } catch (IOException | IllegalStateException gone) {
            throw new Gone(gone);
        }
    }

    /** Ends with an event `failure`. */
    Void fail(Throwable failed) {
        if (!(failed instanceof Gone)) {
            try {
                send("failure", AvatarService.kind(failed));
            } catch (Gone gone) {
                return null;
            }
        }
        emitter.complete();
        return null;
    }

    /** Takes one after the other, as fast as the browser reads. */
    <T> Flow.Subscriber<T> subscriber(Consumer<T> each, Runnable end) {
        return new Flow.Subscriber<>() {
            private Flow.Subscription subscription;

            @Override
            public void onSubscribe(Flow.Subscription subscription) {
                this.subscription = subscription;
                // At once where it has gone in the meantime.
                gone.thenRun(subscription::cancel);
                subscription.request(1);
            }

            @Override
            public void onNext(T item) {
                try {
                    each.accept(item);
                    subscription.request(1);
                } catch (Gone gone) {
                    subscription.cancel();
                }
            }

            @Override
            public void onError(Throwable failed) {
                fail(failed);
            }

            @Override
            public void onComplete() {
                try {
                    end.run();
                    emitter.complete();
                } catch (Gone gone) {
                    emitter.completeWithError(gone);
                }
            }
        };
    }

    /** The browser has closed the connection. */
    private static final class Gone extends RuntimeException {
        private static final long serialVersionUID = 1;

        Gone(Exception cause) {
            super(cause);
        }
    }
}
