package me.secondme.avatar.java;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import me.secondme.avatar.testing.AvatarEmulator;

import org.junit.jupiter.api.Test;

import java.io.UncheckedIOException;
import java.util.Map;

/** What fails at the emulator can be caught in Java; what is refused says what to choose. */
class RefusedTest {
    @Test
    void anOptionThatThereIsNotIsNamedWithWhatTheProgramSaysOfIt() {
        var refused =
                assertThrows(IllegalStateException.class, () -> AvatarEmulator.start("--nonsense"));
        String said = refused.getMessage();
        assertTrue(said.contains("unexpected argument '--nonsense'"), said);
        assertTrue(said.contains("--help"), said);
    }

    @Test
    void aProgramThatThereIsNotIsNamed() {
        String[] options = {};
        var missing =
                assertThrows(
                        UncheckedIOException.class,
                        () -> AvatarEmulator.start(options, "no/such/program"));
        assertTrue(missing.getMessage().contains("no/such/program"), missing.getMessage());
    }

    @Test
    void aCallThatIsRefusedHasTheAnswerAndOneOfAnEmulatorThatHasEndedSaysSo() {
        AvatarEmulator emulator = AvatarEmulator.start();
        String call = "owner/reply";
        var refused =
                assertThrows(IllegalStateException.class, () -> emulator.post(call, "{\"no\": 1}"));
        String said = refused.getMessage();
        assertTrue(
                said.matches("(?s)the emulator refuses POST owner/reply with 4\\d\\d: .+"), said);
        emulator.close();
        var gone = assertThrows(UncheckedIOException.class, () -> emulator.get("state"));
        assertTrue(gone.getMessage().contains("GET state"), gone.getMessage());
        assertTrue(gone.getMessage().contains("it has ended"), gone.getMessage());
        emulator.close();
    }

    @Test
    void aThreadThatIsInterruptedClosesItAndStaysInterrupted() {
        AvatarEmulator emulator = AvatarEmulator.start();
        Thread.currentThread().interrupt();
        emulator.close();
        assertTrue(Thread.interrupted());
        // It ends all the same.
        Talking.eventually(
                () -> {
                    try {
                        emulator.get("state");
                        return false;
                    } catch (UncheckedIOException ended) {
                        return true;
                    }
                });
    }

    @Test
    void whatIsOutOfBoundsIsToldTheBoundsThatThereAre() {
        assertEquals("`maxLive` is -1: choose 1 or more", refused(it -> it.maxLive(-1)));
        assertEquals("`eventQueue` is -1: choose 2 or more", refused(it -> it.eventQueue(-1)));
        assertEquals("`quota` is -1: choose 0 or more", refused(it -> it.quota(-1)));
        try (AvatarEmulator emulator = AvatarEmulator.start();
                AvatarClient client = Talking.client(emulator)) {
            Conversation chat = client.open(Talking.ADA);
            var wrong = assertThrows(AvatarException.Misuse.class, () -> chat.history(-1));
            assertEquals("`count` is -1: choose 1 to 1000", wrong.getMessage());
        }
    }

    @Test
    void theKeyThatIsMissingIsNamedAsJavaWritesIt() {
        Map<String, String> environment = System.getenv();
        assumeFalse(environment.containsKey("SECONDME_API_KEY"));
        assumeFalse(environment.containsKey("SECONDME_API_KEY_FILE"));
        var missing = assertThrows(AvatarException.Misuse.class, AvatarClient::create);
        assertTrue(missing.getMessage().endsWith("or pass it as `apiKey`"), missing.getMessage());
    }

    private static String refused(java.util.function.Consumer<ClientOptions.Builder> set) {
        ClientOptions.Builder options = ClientOptions.builder();
        set.accept(options);
        return assertThrows(
                        AvatarException.Misuse.class,
                        () -> AvatarClient.create("sk-0123456789abcdef", options.build()))
                .getMessage();
    }
}
