package me.secondme.avatar.java;

import me.secondme.avatar.testing.AvatarEmulator;

import java.time.Duration;
import java.util.function.Consumer;

/** What the tests have in common. */
final class Talking {
    static final Duration PATIENCE = Duration.ofSeconds(30);
    static final Visitor ADA = Visitor.forUser("test", "ada");

    private Talking() {}

    static AvatarClient client(AvatarEmulator emulator) {
        return client(emulator, options -> {});
    }

    static AvatarClient client(AvatarEmulator emulator, Consumer<ClientOptions.Builder> chosen) {
        return AvatarClient.create(emulator.apiKey(), options(emulator, chosen));
    }

    static ClientOptions options(AvatarEmulator emulator, Consumer<ClientOptions.Builder> chosen) {
        ClientOptions.Builder options = ClientOptions.builder().baseUrl(emulator.baseUrl());
        chosen.accept(options);
        return options.build();
    }

    /** A call of the emulator's control API about this conversation. */
    static void post(AvatarEmulator emulator, String call, Conversation chat, String more) {
        emulator.post(call, "{\"sessionId\": \"" + chat.sessionId() + "\"" + more + "}");
    }

    /** Looks again until it is so. */
    static void eventually(java.util.function.BooleanSupplier isSo) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!isSo.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("it never came to be so");
            }
            Thread.onSpinWait();
        }
    }
}
