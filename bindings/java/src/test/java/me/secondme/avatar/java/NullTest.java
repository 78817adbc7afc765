package me.secondme.avatar.java;

import static me.secondme.avatar.java.Talking.ADA;
import static me.secondme.avatar.java.Talking.client;
import static me.secondme.avatar.java.Talking.options;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import me.secondme.avatar.testing.AvatarEmulator;
import me.secondme.avatar.testing.WithAvatarEmulator;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.function.Consumer;
import java.util.function.Predicate;

/** A null argument is a NullPointerException that names it. */
@WithAvatarEmulator
class NullTest {
    /** What the other arguments are. */
    private static final Map<Class<?>, Object> GOOD =
            Map.ofEntries(
                    Map.entry(String.class, "sk-0123456789abcdef"),
                    Map.entry(Duration.class, Duration.ofSeconds(1)),
                    Map.entry(Path.class, Path.of("never-made.db")),
                    Map.entry(Visitor.class, ADA),
                    Map.entry(ClientOptions.class, ClientOptions.defaults()),
                    Map.entry(AskOptions.class, AskOptions.DEFAULT),
                    Map.entry(SendOptions.class, SendOptions.DEFAULT),
                    Map.entry(RequestOptions.class, RequestOptions.DEFAULT),
                    Map.entry(Class.class, Event.Reply.class),
                    Map.entry(ConversationListener.class, new ConversationListener() {}),
                    Map.entry(Executor.class, (Executor) Runnable::run),
                    Map.entry(Predicate.class, (Predicate<Object>) event -> true),
                    Map.entry(Consumer.class, (Consumer<Object>) call -> {}),
                    Map.entry(TokenProvider.class, (TokenProvider) request -> "lba_at_ann"),
                    Map.entry(
                            CredentialsProvider.class,
                            (CredentialsProvider)
                                    request -> {
                                        throw new AssertionError("nothing is opened");
                                    }),
                    Map.entry(int.class, 5),
                    Map.entry(boolean.class, true));

    @Test
    void aNullArgumentIsNamed(AvatarEmulator emulator) throws IllegalAccessException {
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            try (Subscription events = chat.subscribe()) {
                List<String> wrong = new ArrayList<>();
                int tried = 0;
                for (Object of :
                        List.of(
                                client,
                                chat,
                                events,
                                chat.stream("never read"),
                                ADA,
                                AskOptions.builder(),
                                SendOptions.builder(),
                                RequestOptions.builder(),
                                ClientOptions.builder(),
                                AskOptions.DEFAULT,
                                SendOptions.DEFAULT,
                                RequestOptions.DEFAULT)) {
                    for (Method method : methods(of.getClass())) {
                        tried += tryNulls(of, method, wrong);
                    }
                }
                for (Class<?> type : List.of(Credentials.class, AvatarLog.class)) {
                    for (Method method : methods(type)) {
                        if (Modifier.isStatic(method.getModifiers())) {
                            tried += tryNulls(null, method, wrong);
                        }
                    }
                }
                assertEquals(List.of(), wrong);
                assertTrue(tried > 120, "only " + tried + " arguments were found");
            }
        }
    }

    @Test
    void aPublisherNamesItToo(AvatarEmulator emulator) {
        try (AvatarClient client = client(emulator)) {
            Conversation chat = client.open(ADA);
            try (Subscription events = chat.subscribe()) {
                for (Flow.Publisher<Event> each :
                        List.of(client.events(), chat.events(), events.events())) {
                    var refused =
                            assertThrows(NullPointerException.class, () -> each.subscribe(null));
                    assertEquals("subscriber", refused.getMessage());
                }
            }
        }
    }

    @Test
    void aFunctionThatReturnsNullIsToldWhatToReturn(AvatarEmulator emulator) {
        try (AvatarClient client =
                AvatarClient.withCredentials(request -> null, options(emulator, o -> {}))) {
            var refused = assertThrows(AvatarException.class, () -> client.open(ADA));
            String said = refused.getMessage();
            assertTrue(said.contains("the function returned null: return Credentials"), said);
        }
    }

    /** All public ones, those of the classes beneath too. */
    private static List<Method> methods(Class<?> type) {
        List<Method> methods = new ArrayList<>();
        for (Class<?> at = type; at != Object.class; at = at.getSuperclass()) {
            for (Method method : at.getDeclaredMethods()) {
                boolean isEquals = method.getName().equals("equals");
                if (Modifier.isPublic(method.getModifiers())
                        && !method.isSynthetic()
                        && !isEquals) {
                    methods.add(method);
                }
            }
        }
        return methods;
    }

    /** How many of its arguments may not be null. */
    private static int tryNulls(@Nullable Object of, Method method, List<String> wrong)
            throws IllegalAccessException {
        int tried = 0;
        Parameter[] parameters = method.getParameters();
        for (int at = 0; at < parameters.length; at++) {
            boolean mayBeNull =
                    parameters[at].getType().isPrimitive()
                            || parameters[at]
                                    .getAnnotatedType()
                                    .isAnnotationPresent(Nullable.class);
            if (mayBeNull) {
                continue;
            }
            Object[] given = Arrays.stream(parameters).map(it -> GOOD.get(it.getType())).toArray();
            given[at] = null;
            tried++;
            String name = parameters[at].getName();
            try {
                method.invoke(of, given);
                wrong.add(method + ": null is taken for " + name);
            } catch (InvocationTargetException thrown) {
                Throwable why = thrown.getCause();
                if (!(why instanceof NullPointerException) || !name.equals(why.getMessage())) {
                    wrong.add(method + ": for " + name + " it is " + why);
                }
            }
        }
        return tried;
    }
}
