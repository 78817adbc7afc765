package example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import me.secondme.avatar.testing.AvatarEmulator;
import me.secondme.avatar.testing.WithAvatarEmulator;

import org.junit.jupiter.api.Test;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootVersion;
import org.springframework.context.ConfigurableApplicationContext;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.CookieManager;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

@WithAvatarEmulator
class AvatarServiceTest {
    @Test
    void aBrowserHearsTheReplyInPiecesAndTheOwner(AvatarEmulator emulator) throws Exception {
        assertEquals(System.getProperty("spring-boot.version"), SpringBootVersion.getVersion());
        try (ConfigurableApplicationContext service = service(emulator)) {
            String root = root(service);
            HttpClient browser = browser();

            List<String> said = new ArrayList<>();
            try (BufferedReader events =
                    get(
                            browser,
                            root
                                    + "/ask?text="
                                    + URLEncoder.encode("one two three", StandardCharsets.UTF_8))) {
                for (String[] event = next(events); event != null; event = next(events)) {
                    said.add(event[0] + ": " + event[1]);
                }
            }
            assertEquals("reply: You said: one two three", said.remove(said.size() - 1));
            assertEquals(
                    "You said: one two three",
                    String.join(
                            "",
                            said.stream()
                                    .map(piece -> piece.substring("piece: ".length()))
                                    .toList()));

            try (BufferedReader events = get(browser, root + "/unasked")) {
                assertEquals("open", next(events)[0]);
                emulator.post(
                        "owner/reply",
                        "{\"sessionId\": \"" + session(emulator) + "\", \"text\": \"It is me\"}");
                String[] owner = next(events);
                assertEquals("OWNER: It is me", owner[0] + ": " + owner[1]);
            }

            emulator.post("owner/handback", "{\"sessionId\": \"" + session(emulator) + "\"}");
            emulator.post(
                    "faults",
                    "{\"at\": \"reply\", \"do\": {\"fail\": {\"code\":"
                            + " \"session.openai.error\"}}}");
            try (BufferedReader events = get(browser, root + "/ask?text=Hello")) {
                String[] failure = next(events);
                assertEquals("failure", failure[0]);
                assertTrue(failure[1].matches("[a-z_]+"), failure[1]);
            }
        }
    }

    /** Else each browser that has gone in silence would leave a subscription behind. */
    @Test
    void aBrowserIsHeldForATimeOnly() {
        try (AvatarEmulator emulator = AvatarEmulator.start();
                ConfigurableApplicationContext service = service(emulator, "--avatar.held=1ms")) {
            assertTimeoutPreemptively(
                    Duration.ofSeconds(60),
                    () -> {
                        try (BufferedReader events = get(browser(), root(service) + "/unasked")) {
                            String[] event = next(events);
                            assertTrue(event == null || event[0].equals("open"));
                            assertNull(event == null ? null : next(events));
                        }
                    });
        }
    }

    /** Spring waits 30 s for requests that do not end. */
    @Test
    void aServiceThatIsStoppedLetsItsBrowsersGo() {
        try (AvatarEmulator emulator = AvatarEmulator.start();
                ConfigurableApplicationContext service = service(emulator)) {
            assertTimeoutPreemptively(
                    Duration.ofSeconds(25),
                    () -> {
                        try (BufferedReader events = get(browser(), root(service) + "/unasked")) {
                            assertEquals("open", next(events)[0]);
                            service.close();
                            assertNull(next(events));
                        }
                    });
        }
    }

    private static ConfigurableApplicationContext service(AvatarEmulator emulator, String... more) {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "--server.port=0",
                                "--avatar.api-key=" + emulator.apiKey(),
                                "--avatar.base-url=" + emulator.baseUrl()));
        arguments.addAll(List.of(more));
        return SpringApplication.run(AvatarService.class, arguments.toArray(String[]::new));
    }

    private static String root(ConfigurableApplicationContext service) {
        return "http://localhost:" + service.getEnvironment().getProperty("local.server.port");
    }

    private static HttpClient browser() {
        return HttpClient.newBuilder().cookieHandler(new CookieManager()).build();
    }

    /** The session of the one visitor there is. */
    private static String session(AvatarEmulator emulator) {
        Matcher found =
                Pattern.compile("\"sessionId\":\"([^\"]+)\"").matcher(emulator.get("state"));
        assertTrue(found.find(), emulator.get("state"));
        return found.group(1);
    }

    private static BufferedReader get(HttpClient browser, String url)
            throws IOException, InterruptedException {
        HttpRequest request =
                HttpRequest.newBuilder(URI.create(url))
                        .header("Accept", "text/event-stream")
                        .build();
        var answer = browser.send(request, HttpResponse.BodyHandlers.ofInputStream());
        assertEquals(200, answer.statusCode());
        return new BufferedReader(new InputStreamReader(answer.body(), StandardCharsets.UTF_8));
    }

    /** The next event's name and data; nothing at the end. */
    private static String[] next(BufferedReader events) throws IOException {
        String name = null;
        StringBuilder data = new StringBuilder();
        for (String line = events.readLine(); line != null; line = events.readLine()) {
            if (line.startsWith("event:")) {
                name = line.substring("event:".length());
            } else if (line.startsWith("data:")) {
                data.append(line.substring("data:".length()));
            } else if (line.isEmpty() && name != null) {
                return new String[] {name, data.toString()};
            }
        }
        return null;
    }
}
