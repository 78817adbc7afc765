package example;

import jakarta.servlet.http.HttpSession;

import me.secondme.avatar.java.AvatarClient;
import me.secondme.avatar.java.AvatarException;
import me.secondme.avatar.java.ClientOptions;
import me.secondme.avatar.java.Event;
import me.secondme.avatar.java.Reply;
import me.secondme.avatar.java.Visitor;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.context.event.EventListener;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Lets the people of a website talk with an avatar. */
@SpringBootApplication
public class AvatarService {
    public static void main(String[] args) {
        SpringApplication.run(AvatarService.class, args);
    }

    /**
     * Without the two properties: `SECONDME_API_KEY` and `SECONDME_BASE_URL`. Spring closes the
     * client by itself.
     */
    @Bean
    AvatarClient avatarClient(
            @Value("${avatar.api-key:}") String apiKey,
            @Value("${avatar.base-url:}") String baseUrl) {
        ClientOptions.Builder options = ClientOptions.builder();
        if (!baseUrl.isEmpty()) {
            options.baseUrl(baseUrl);
        }
        return apiKey.isEmpty()
                ? AvatarClient.create(options.build())
                : AvatarClient.create(apiKey, options.build());
    }

    @RestController
    static class Chat {
        /** An opening and a reply have deadlines of their own, which are earlier. */
        private static final Duration ANSWERED = Duration.ofMinutes(10);

        private final AvatarClient client;
        private final Duration held;

        /** Those that would be told until they go. */
        private final Set<Browser> listening = ConcurrentHashMap.newKeySet();

        private volatile boolean isEnding;

        Chat(AvatarClient client, @Value("${avatar.held:10m}") Duration held) {
            this.client = client;
            this.held = held;
        }

        /**
         * A question; its answer comes piece by piece, as server-sent events `piece`, and one
         * `reply` at the end.
         */
        @GetMapping(path = "/ask", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
        SseEmitter ask(HttpSession session, @RequestParam String text) {
            Browser browser = new Browser(ANSWERED);
            client.openAsync(visitor(session))
                    .thenAccept(
                            chat -> {
                                var stream = chat.stream(text);
                                stream.subscribe(
                                        browser.subscriber(
                                                piece -> browser.send("piece", piece.text()),
                                                () ->
                                                        browser.send(
                                                                "reply", stream.reply().text())));
                            })
                    .exceptionally(browser::fail);
            return browser.emitter();
        }

        /**
         * What is said unasked, such as by the avatar's owner in person: `OWNER` or `AVATAR`, for
         * as long as it is read, and `avatar.held` at most.
         */
        @GetMapping(path = "/unasked", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
        SseEmitter unasked(HttpSession session) {
            Browser browser = new Browser(held);
            listening.add(browser);
            browser.whenGone(() -> listening.remove(browser));
            if (isEnding) {
                browser.end();
            }
            client.openAsync(visitor(session))
                    .thenAccept(
                            chat -> {
                                chat.events()
                                        .subscribe(
                                                browser.<Event>subscriber(
                                                        event -> unasked(browser, event),
                                                        () -> {}));
                                browser.send("open", chat.opening());
                            })
                    .exceptionally(browser::fail);
            return browser.emitter();
        }

        /**
         * A service that is stopped lets its requests end first, and these would not: each browser
         * connects again, to another instance or to this one's successor. Answers are waited for.
         */
        @EventListener(ContextClosedEvent.class)
        void end() {
            isEnding = true;
            listening.forEach(Browser::end);
        }

        private static void unasked(Browser browser, Event event) {
            Reply reply = event.reply();
            if (reply != null && !reply.asked()) {
                browser.send(reply.author().name(), reply.text());
            }
        }

        /** With a login of your own: the id that it has verified, in the place of the session's. */
        private static Visitor visitor(HttpSession session) {
            return Visitor.forUser("web", session.getId());
        }
    }

    /** What the browser is told of a failure: never more than its kind. */
    static String kind(Throwable failed) {
        Throwable why = failed.getCause() instanceof AvatarException ? failed.getCause() : failed;
        return why instanceof AvatarException known ? known.kind() : "failed";
    }
}
