package me.secondme.avatar.java;

import static org.junit.jupiter.api.Assertions.assertEquals;

import me.secondme.avatar.testing.AvatarEmulator;
import me.secondme.avatar.testing.WithAvatarEmulator;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The emulator for tests, told of otherwise than on the class. */
class ComposedTest {
    @WithAvatarEmulator({"--brain", "demo"})
    @Retention(RetentionPolicy.RUNTIME)
    @Target(ElementType.TYPE)
    @interface Chatting {}

    @WithAvatarEmulator
    interface WithOne {}

    @Nested
    @Chatting
    class ByAnAnnotationOfItsOwn {
        @Test
        void thereIsOne(AvatarEmulator emulator) {
            assertEquals(State.LIVE, state(emulator));
        }
    }

    @Nested
    class ByAnInterface implements WithOne {
        @Test
        void thereIsOne(AvatarEmulator emulator) {
            assertEquals(State.LIVE, state(emulator));
        }
    }

    private static State state(AvatarEmulator emulator) {
        try (AvatarClient client = Talking.client(emulator)) {
            return client.open(Talking.ADA).state();
        }
    }
}
