package me.secondme.avatar.java.scenarios;

import static me.secondme.avatar.java.scenarios.Values.fields;
import static me.secondme.avatar.java.scenarios.Values.inOrder;
import static me.secondme.avatar.java.scenarios.Values.list;
import static me.secondme.avatar.java.scenarios.Values.map;
import static me.secondme.avatar.java.scenarios.Values.matches;
import static me.secondme.avatar.java.scenarios.Values.parseJson;
import static me.secondme.avatar.java.scenarios.Values.toJson;

import me.secondme.avatar.java.AvatarClient;
import me.secondme.avatar.java.Conversation;
import me.secondme.avatar.java.Event;
import me.secondme.avatar.java.Subscription;
import me.secondme.avatar.java.scenarios.Calls.Call;
import me.secondme.avatar.java.scenarios.Calls.Outcome;
import me.secondme.avatar.testing.AvatarEmulator;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** What a scenario is played on: an emulator, a client, and all that was heard. */
final class Stage implements AutoCloseable {
    /** How long anything may take in real time. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    /** How often something is looked at that gives no sign of its own. */
    private static final Duration LOOK = Duration.ofMillis(2);

    /**
     * What may stand in a step, so that a slip of the pen does not pass for a check that was met.
     */
    private static final Set<String> WORDS =
            Set.of(
                    "in",
                    "as",
                    "text",
                    "collect",
                    "count",
                    "name",
                    "visitor_id",
                    "later",
                    "gives",
                    "fails",
                    "events",
                    "replies",
                    "is",
                    "key",
                    "prefix",
                    "lifetime",
                    "message_id",
                    "method",
                    "path",
                    "body");

    /** What needs no conversation. */
    private static final Set<String> KEEPING =
            Set.of("set_note", "add_note", "note", "delete_note", "notes", "request");

    /** The parts of a scenario. */
    private static final Set<String> PARTS =
            Set.of("about", "door", "emulator", "faults", "client", "steps");

    /** Whose words are the emulator's. */
    private static final Set<String> FREE = Set.of("call", "service");

    private final AvatarEmulator emulator = AvatarEmulator.start();
    private final AvatarClient client;
    private final ExecutorService blocking = Executors.newSingleThreadExecutor();

    /** All events, each with the visitor and the session it belongs to. */
    private final List<Heard> heard = new ArrayList<>();

    private final CompletableFuture<Void> listening;
    private final Map<String, Conversation> chats = new HashMap<>();

    /** How far the events of a conversation have been looked at. */
    private final Map<String, Integer> read = new HashMap<>();

    private final Map<String, CompletableFuture<Outcome>> later = new HashMap<>();

    private record Heard(String visitor, String session, Map<String, Object> event) {}

    Stage(Map<?, ?> scenario) {
        require(PARTS.containsAll(scenario.keySet()), "a scenario has these parts: " + PARTS);
        Object door = scenario.get("door") == null ? "avatar-open-api" : scenario.get("door");
        Object options = scenario.get("client");
        client = Clients.client(emulator, door, options == null ? Map.of() : map(options));
        Subscription events = client.subscribeRaw();
        listening =
                CompletableFuture.runAsync(
                        () -> events.forEach(this::listen), task -> new Thread(task).start());
        for (String call : List.of("emulator", "faults")) {
            if (scenario.get(call) != null) {
                post(call.equals("emulator") ? "settings" : call, scenario.get(call));
            }
        }
    }

    private void listen(Event event) {
        synchronized (heard) {
            if (event instanceof Event.SessionReplaced replaced) {
                // The conversation goes on in another session, and what was heard in the old one is
                // its own.
                heard.replaceAll(
                        it ->
                                replaced.from().equals(it.session())
                                        ? new Heard(it.visitor(), replaced.to(), it.event())
                                        : it);
            }
            heard.add(new Heard(event.visitorId(), event.sessionId(), Written.written(event)));
        }
    }

    /** Plays one step: one verb, and what it is about. */
    void play(Map<?, ?> step) throws Exception {
        Map.Entry<?, ?> only = step.entrySet().iterator().next();
        String verb = (String) only.getKey();
        Object about = substitute(only.getValue());
        if (!FREE.contains(verb) && about instanceof Map<?, ?> words) {
            for (Object word : words.keySet()) {
                require(
                        WORDS.contains(word),
                        "`" + verb + "` knows no `" + word + "`; there are " + WORDS);
            }
        }
        switch (verb) {
            case "seconds" -> {
                for (int at = 0; at < ((Number) about).intValue(); at++) {
                    second();
                }
            }
            case "call" -> map(about).forEach((call, body) -> post((String) call, body));
            case "service" -> until(() -> unlike(about, parseJson(emulator.get("state"))));
            case "journal" ->
                    until(
                            () -> {
                                Map<?, ?> journal = map(parseJson(emulator.get("journal")));
                                return inOrder(list(about), list(journal.get("entries"))).missing();
                            });
            case "expect" -> expect(map(about));
            case "heard" -> heard(map(about));
            case "never" -> never(map(about));
            case "state" -> {
                Conversation chat = chat(name(about));
                until(() -> unlike(map(about).get("is"), Written.written(chat.state())));
            }
            case "await" -> {
                CompletableFuture<Outcome> outcome = later.remove(name(about));
                require(outcome != null, "nothing goes by the name `" + name(about) + "`");
                settle(name(about), outcome, map(about));
            }
            default -> call(verb, about instanceof Map<?, ?> words ? words : fields("in", about));
        }
    }

    /** Ends the scenario: whatever still waits must come to an end by closing. */
    @Override
    public void close() throws Exception {
        try {
            client.closeAsync().get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            // What it came to does not matter; that it came to an end does.
            for (CompletableFuture<Outcome> outcome : later.values()) {
                outcome.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            }
            listening.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } finally {
            blocking.shutdownNow();
            emulator.close();
        }
    }

    /** What was heard, to show why a scenario failed. */
    String log() {
        synchronized (heard) {
            return heard.stream()
                    .map(it -> "  " + it.visitor() + " " + toJson(it.event()))
                    .collect(Collectors.joining("\n", "what was heard:\n", ""));
        }
    }

    /** Does what a program would do with the library. */
    private void call(String verb, Map<?, ?> about) throws Exception {
        Call call;
        if (KEEPING.contains(verb)) {
            call = Calls.ofClient(verb, client, about);
        } else if (verb.equals("open")) {
            call = Calls.open(client, () -> Clients.visitor(name(about), about));
        } else {
            call = Calls.of(verb, chat(name(about)), about);
        }
        String name = (String) about.get("later");
        if (name != null) {
            later.put(name, call.later().get());
            return;
        }
        Object as = about.get("as") == null ? about.get("in") : about.get("as");
        settle((String) as, CompletableFuture.supplyAsync(call.blocking(), blocking), about);
    }

    /** Waits for a result, and holds it against what the scenario says. */
    private void settle(String name, CompletableFuture<Outcome> task, Map<?, ?> about)
            throws Exception {
        Outcome outcome;
        try {
            outcome = task.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } catch (TimeoutException late) {
            throw new AssertionError("it came to nothing", late);
        } catch (ExecutionException failed) {
            throw new AssertionError("it failed: " + failed.getCause(), failed.getCause());
        }
        if (outcome.chat() != null) {
            chats.put(name, outcome.chat());
        }
        Object pattern = about.get(outcome.isGood() ? "gives" : "fails");
        boolean isWanted = outcome.isGood() == (about.get("fails") == null);
        require(
                isWanted && (pattern == null || matches(pattern, outcome.value())),
                "it came to " + toJson(outcome.value()));
    }

    /**
     * These events, in this order; others may stand between. Those before were expected already.
     */
    private void expect(Map<?, ?> about) {
        String name = name(about);
        int from = read.getOrDefault(name, 0);
        until(
                () -> {
                    List<Map<String, Object>> all = eventsOf(name);
                    Values.Met met =
                            inOrder(list(about.get("events")), all.subList(from, all.size()));
                    if (met.all()) {
                        read.put(name, from + met.count());
                    }
                    return met.missing();
                });
    }

    /** These whole replies, all there were from the beginning on, and no other. */
    private void heard(Map<?, ?> about) {
        until(
                () ->
                        unlike(
                                about.get("replies"),
                                eventsOf(name(about)).stream()
                                        .filter(
                                                it ->
                                                        Set.of("reply", "owner_reply")
                                                                .contains(it.get("type")))
                                        .map(
                                                it ->
                                                        fields(
                                                                "author",
                                                                it.get("author"),
                                                                "text",
                                                                it.get("text")))
                                        .toList()));
    }

    private void never(Map<?, ?> about) {
        for (Map<String, Object> event : eventsOf(name(about))) {
            boolean isUnwanted =
                    list(about.get("events")).stream().anyMatch(it -> matches(it, event));
            require(!isUnwanted, "there was " + toJson(event));
        }
    }

    /**
     * Both clocks go on: the client's first, so that its pings are on their way when the emulator
     * looks for them.
     */
    private void second() {
        client.advanceClock(Duration.ofSeconds(1));
        post("clock", fields("advance_ms", 1000));
    }

    /** Looks again until nothing is wrong any more. */
    private static void until(Supplier<String> wrong) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            String why = wrong.get();
            if (why == null) {
                return;
            }
            require(System.nanoTime() < end, why);
            LockSupport.parkNanos(LOOK.toNanos());
        }
    }

    private static String unlike(Object wanted, Object found) {
        return matches(wanted, found) ? null : "it is " + toJson(found);
    }

    /**
     * The events of a conversation: those of its session, and those of its visitor that name none.
     */
    private List<Map<String, Object>> eventsOf(String name) {
        Conversation chat = chats.get(name);
        String visitor =
                chat == null
                        ? Clients.visitor(name.split("/")[0], Map.of()).id()
                        : chat.visitorId();
        String session = chat == null ? null : chat.sessionId();
        synchronized (heard) {
            return heard.stream()
                    .filter(it -> it.visitor().equals(visitor))
                    .filter(
                            it ->
                                    it.session() == null
                                            || session == null
                                            || it.session().equals(session))
                    .map(Heard::event)
                    .toList();
        }
    }

    private Conversation chat(String name) {
        require(chats.containsKey(name), "no conversation goes by the name `" + name + "`");
        return chats.get(name);
    }

    private static String name(Object about) {
        Object name = about instanceof Map<?, ?> words ? words.get("in") : about;
        require(name != null, "it does not say in which conversation: `in`");
        return (String) name;
    }

    /**
     * {@code $ada.session} and {@code $ada.visitor} stand for the ids of the conversation {@code
     * ada}.
     */
    private Object substitute(Object value) {
        if (value instanceof String text && text.startsWith("$")) {
            String name = text.substring(1, Math.max(1, text.lastIndexOf('.')));
            if (text.endsWith(".session")) {
                require(chat(name).sessionId() != null, "there is no session yet");
                return chat(name).sessionId();
            }
            return text.endsWith(".visitor") ? Clients.visitor(name, Map.of()).id() : text;
        }
        if (value instanceof List<?> items) {
            return items.stream().map(this::substitute).toList();
        }
        if (value instanceof Map<?, ?> words) {
            Map<Object, Object> all = new LinkedHashMap<>();
            words.forEach((word, it) -> all.put(word, substitute(it)));
            return all;
        }
        return value;
    }

    private void post(String call, Object body) {
        emulator.post(call, toJson(body));
    }

    private static void require(boolean isSo, String otherwise) {
        if (!isSo) {
            throw new AssertionError(otherwise);
        }
    }
}
