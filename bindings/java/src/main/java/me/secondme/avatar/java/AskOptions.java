package me.secondme.avatar.java;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

import java.time.Duration;

/**
 * What one question asks for beside its text: {@link Conversation#ask(String, AskOptions)}, {@link
 * Conversation#stream(String, AskOptions)}.
 *
 * <pre>{@code
 * chat.ask("Hello", AskOptions.deadline(Duration.ofSeconds(10)));
 * }</pre>
 */
public final class AskOptions {
    static final AskOptions DEFAULT = builder().build();

    final @Nullable Duration deadline;
    final @Nullable Duration firstPieceDeadline;
    final @Nullable Duration collect;
    final @Nullable String messageId;

    private AskOptions(Builder from) {
        deadline = from.deadline;
        firstPieceDeadline = from.firstPieceDeadline;
        collect = from.collect;
        messageId = from.messageId;
    }

    /** Begins with every option at its default. */
    public static Builder builder() {
        return new Builder();
    }

    /** A deadline, and every other option at its default. */
    public static AskOptions deadline(Duration deadline) {
        return builder().deadline(deadline).build();
    }

    /** Gathers options. Every method returns the builder itself. */
    public static final class Builder {
        private @Nullable Duration deadline;
        private @Nullable Duration firstPieceDeadline;
        private @Nullable Duration collect;
        private @Nullable String messageId;

        private Builder() {}

        /** The time limit for all of it. Default: the option {@code askDeadline} of the client. */
        public Builder deadline(Duration deadline) {
            this.deadline = requireNonNull(deadline, "deadline");
            return this;
        }

        /**
         * How long the first piece may take. Default: the option {@code firstPieceDeadline} of the
         * client.
         */
        public Builder firstPieceDeadline(Duration firstPieceDeadline) {
            this.firstPieceDeadline = requireNonNull(firstPieceDeadline, "firstPieceDeadline");
            return this;
        }

        /**
         * Waits for all messages of the avatar's turn, which is over when the avatar has been
         * silent for so long. The reply has their texts, each on a line of its own, and their
         * parts, sources and speech in order. Default: the first message is the answer, and the
         * others come as events.
         */
        public Builder collect(Duration collect) {
            this.collect = requireNonNull(collect, "collect");
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
        public AskOptions build() {
            return new AskOptions(this);
        }
    }
}
