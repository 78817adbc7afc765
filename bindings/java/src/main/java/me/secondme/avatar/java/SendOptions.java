package me.secondme.avatar.java;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

import java.time.Duration;

/**
 * What one message asks for beside its text: {@link Conversation#send(String, SendOptions)}, {@link
 * Conversation#sendDurable(String, SendOptions)}.
 *
 * <pre>{@code
 * chat.send("Hello", SendOptions.deadline(Duration.ofSeconds(5)));
 * }</pre>
 */
public final class SendOptions {
    static final SendOptions DEFAULT = builder().build();

    final @Nullable Duration deadline;
    final @Nullable String messageId;

    private SendOptions(Builder from) {
        deadline = from.deadline;
        messageId = from.messageId;
    }

    /** Begins with every option at its default. */
    public static Builder builder() {
        return new Builder();
    }

    /** A deadline, and every other option at its default. */
    public static SendOptions deadline(Duration deadline) {
        return builder().deadline(deadline).build();
    }

    /** Gathers options. Every method returns the builder itself. */
    public static final class Builder {
        private @Nullable Duration deadline;
        private @Nullable String messageId;

        private Builder() {}

        /**
         * The time limit, retries and waits included. Default: the option {@code sendDeadline} of
         * the client, or {@code durableDeadline} of a durable message.
         */
        public Builder deadline(Duration deadline) {
            this.deadline = requireNonNull(deadline, "deadline");
            return this;
        }

        /**
         * The id under which the message goes out; {@link Conversation#newMessageId} makes one. A
         * program that keeps it before it sends finds out after a crash whether the service took
         * the message: {@link Conversation#history()} has it under this id. One of another form, or
         * under which a message of this visitor has gone out or waits, is an {@link
         * AvatarException.Misuse}, and nothing is sent. Visitor Chat takes no ids: there it names
         * the message in this client only. Default: a new one.
         */
        public Builder messageId(String messageId) {
            this.messageId = requireNonNull(messageId, "messageId");
            return this;
        }

        /** The options. */
        public SendOptions build() {
            return new SendOptions(this);
        }
    }
}
