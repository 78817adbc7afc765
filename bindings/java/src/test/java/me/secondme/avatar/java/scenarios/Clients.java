package me.secondme.avatar.java.scenarios;

import static me.secondme.avatar.java.scenarios.Values.list;

import me.secondme.avatar.java.AvatarClient;
import me.secondme.avatar.java.ClientOptions;
import me.secondme.avatar.java.Credentials;
import me.secondme.avatar.java.CredentialsProvider;
import me.secondme.avatar.java.Delivery;
import me.secondme.avatar.java.TokenProvider;
import me.secondme.avatar.java.Visitor;
import me.secondme.avatar.testing.AvatarEmulator;

import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/** Clients of an emulator, as scenarios describe them. */
final class Clients {
    private Clients() {}

    /** A client at the door that the scenario names. */
    static AvatarClient client(AvatarEmulator emulator, Object door, Map<?, ?> chosen) {
        String key = word(chosen, "key", emulator.apiKey());
        if (door.equals("avatar-open-api")) {
            ClientOptions options = options(emulator.baseUrl(), chosen);
            return chosen.get("credentials") != null
                    ? AvatarClient.withCredentials(
                            given(emulator, list(chosen.get("credentials")).iterator()), options)
                    : AvatarClient.create(key, options);
        }
        if (!door.equals("visitor-chat")) {
            throw new IllegalStateException("there is no door `" + door + "`");
        }
        ClientOptions options = options(emulator.labBaseUrl(), chosen);
        if (chosen.get("user_tokens") != null) {
            return AvatarClient.visitorChat(key, tokens(list(chosen.get("user_tokens"))), options);
        }
        String secret = word(chosen, "client_secret", emulator.clientSecret());
        return AvatarClient.visitorChat(emulator.clientId(), secret, key, options);
    }

    /** The visitor of a conversation's name; or the one whose id the scenario gives. */
    static Visitor visitor(String name, Map<?, ?> about) {
        Object id = about.get("visitor_id");
        Visitor visitor =
                id == null ? Visitor.forUser("scenario", name) : Visitor.parse((String) id);
        Object shown = about.get("name");
        return shown == null ? visitor : visitor.withName((String) shown).withChannel("scenario");
    }

    /** The first, and after each refusal the next, as long as there is one. */
    private static TokenProvider tokens(List<?> tokens) {
        AtomicInteger refusals = new AtomicInteger();
        return request -> {
            int at = request.refused() ? refusals.incrementAndGet() : refusals.get();
            return (String) tokens.get(Math.min(at, tokens.size() - 1));
        };
    }

    /** A caller's credentials, as its words say, one after the other. */
    private static CredentialsProvider given(AvatarEmulator emulator, Iterator<?> words) {
        Map<String, String> keys =
                Map.of("authenticated", emulator.apiKey(), "unknown_key", "sk-unknown");
        AtomicReference<Credentials> last = new AtomicReference<>();
        return request -> {
            String word = words.hasNext() ? (String) words.next() : "throws";
            if (word.equals("same")) {
                return last.get();
            }
            if (word.equals("throws")) {
                throw new IllegalStateException("no user is signed in");
            }
            ClientOptions options = ClientOptions.builder().baseUrl(emulator.baseUrl()).build();
            try (AvatarClient server = AvatarClient.create(keys.get(word), options)) {
                last.set(server.authenticate(Visitor.parse(request.visitorId())));
                return last.get();
            }
        };
    }

    private static ClientOptions options(String baseUrl, Map<?, ?> chosen) {
        ClientOptions.Builder options = ClientOptions.builder().baseUrl(baseUrl);
        chosen.forEach((name, value) -> set(options, (String) name, value));
        return options.build();
    }

    private static void set(ClientOptions.Builder options, String name, Object value) {
        switch (name) {
            case "key", "client_secret", "user_tokens", "credentials" -> {}
            case "acknowledge" -> options.acknowledge((Boolean) value);
            case "ping_unnamed" -> options.pingUnnamed((Boolean) value);
            case "delivery" ->
                    options.delivery(Delivery.valueOf(((String) value).toUpperCase(Locale.ROOT)));
            case "origin" -> options.origin((String) value);
            case "quota" -> options.quota(((Number) value).intValue());
            case "heartbeat" -> options.heartbeat(duration(value));
            case "reply_idle" -> options.replyIdle(duration(value));
            case "open_deadline" -> options.openDeadline(duration(value));
            case "send_deadline" -> options.sendDeadline(duration(value));
            case "ask_deadline" -> options.askDeadline(duration(value));
            case "first_piece_deadline" -> options.firstPieceDeadline(duration(value));
            case "owner_deadline" -> options.ownerDeadline(duration(value));
            default -> throw new IllegalStateException("there is no client option `" + name + "`");
        }
    }

    /** Seconds. */
    static Duration duration(Object value) {
        return Duration.ofNanos(Math.round(((Number) value).doubleValue() * 1e9));
    }

    private static String word(Map<?, ?> chosen, String name, String otherwise) {
        return chosen.get(name) == null ? otherwise : (String) chosen.get(name);
    }
}
