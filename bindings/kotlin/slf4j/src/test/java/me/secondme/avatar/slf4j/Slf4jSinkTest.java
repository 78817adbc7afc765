package me.secondme.avatar.slf4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;

import me.secondme.avatar.java.AvatarClient;
import me.secondme.avatar.java.AvatarLog;
import me.secondme.avatar.java.ClientOptions;
import me.secondme.avatar.java.LogRecord;
import me.secondme.avatar.java.Visitor;
import me.secondme.avatar.testing.AvatarEmulator;
import me.secondme.avatar.testing.WithAvatarEmulator;

import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** The log is SLF4J's, by nothing but a jar on the class path. */
@WithAvatarEmulator
class Slf4jSinkTest {
    private static final Logger LOGGER = (Logger) LoggerFactory.getLogger("me.secondme.avatar");

    @Test
    void itIsInTheLoggersOfItsPartsAndAtTheirLevel(AvatarEmulator emulator)
            throws InterruptedException {
        BlockingQueue<ILoggingEvent> logged = new LinkedBlockingQueue<>();
        LOGGER.setLevel(Level.DEBUG);
        LOGGER.setAdditive(false);
        LOGGER.addAppender(appender(logged));
        talk(emulator);
        ILoggingEvent first = logged.poll(30, TimeUnit.SECONDS);
        assertTrue(first.getLoggerName().startsWith("me.secondme.avatar"), first.getLoggerName());
        boolean isDetailed = first.getLevel() == Level.DEBUG;
        while (!isDetailed) {
            isDetailed = logged.poll(30, TimeUnit.SECONDS).getLevel() == Level.DEBUG;
        }

        // A handler of the program's own comes first.
        BlockingQueue<LogRecord> handled = new LinkedBlockingQueue<>();
        AvatarLog.setFilter("secondme_avatar=debug");
        AvatarLog.setHandler(handled::add);
        logged.clear();
        talk(emulator);
        assertTrue(handled.poll(30, TimeUnit.SECONDS).target().startsWith("secondme_avatar"));
        assertEquals(0, logged.size());
        AvatarLog.setHandler(null);
    }

    @Test
    void partsHaveLoggersOfTheirOwn() {
        assertEquals("me.secondme.avatar.socket", Slf4jSink.name("secondme_avatar::socket"));
        assertEquals("me.secondme.avatar.protocol", Slf4jSink.name("secondme_avatar_protocol"));
        assertEquals("me.secondme.avatar", Slf4jSink.name("secondme_avatar"));
        assertEquals("me.secondme.avatar.hyper.client", Slf4jSink.name("hyper::client"));
    }

    private static void talk(AvatarEmulator emulator) {
        ClientOptions options = ClientOptions.builder().baseUrl(emulator.baseUrl()).build();
        try (AvatarClient client = AvatarClient.create(emulator.apiKey(), options)) {
            client.open(Visitor.forUser("test", "ada")).ask("Hello");
        }
    }

    private static AppenderBase<ILoggingEvent> appender(BlockingQueue<ILoggingEvent> logged) {
        AppenderBase<ILoggingEvent> appender =
                new AppenderBase<>() {
                    @Override
                    protected void append(ILoggingEvent event) {
                        logged.add(event);
                    }
                };
        appender.start();
        return appender;
    }
}
