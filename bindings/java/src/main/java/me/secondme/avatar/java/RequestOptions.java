package me.secondme.avatar.java;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

import java.time.Duration;

/**
 * What a call of the service asks for beside its path: {@link AvatarClient#request(String, String,
 * RequestOptions)}.
 *
 * <pre>{@code
 * client.request("GET", path, RequestOptions.builder().visitor(visitor).build());
 * }</pre>
 */
public final class RequestOptions {
    static final RequestOptions DEFAULT = builder().build();

    final @Nullable String body;
    final @Nullable Visitor visitor;
    final @Nullable Duration deadline;

    private RequestOptions(Builder from) {
        body = from.body;
        visitor = from.visitor;
        deadline = from.deadline;
    }

    /** Begins with every option at its default. */
    public static Builder builder() {
        return new Builder();
    }

    /** A deadline, and every other option at its default. */
    public static RequestOptions deadline(Duration deadline) {
        return builder().deadline(deadline).build();
    }

    /** Gathers options. Every method returns the builder itself. */
    public static final class Builder {
        private @Nullable String body;
        private @Nullable Visitor visitor;
        private @Nullable Duration deadline;

        private Builder() {}

        /** A JSON text, which goes out as it is. Default: none. */
        public Builder body(String body) {
            this.body = requireNonNull(body, "body");
            return this;
        }

        /**
         * Shows this visitor's token, renewed where it is refused. Default: the API key, with a
         * slot of its quota.
         */
        public Builder visitor(Visitor visitor) {
            this.visitor = requireNonNull(visitor, "visitor");
            return this;
        }

        /**
         * The time limit, with the wait for the quota. Default: the option {@code openDeadline} of
         * the client.
         */
        public Builder deadline(Duration deadline) {
            this.deadline = requireNonNull(deadline, "deadline");
            return this;
        }

        /** The options. */
        public RequestOptions build() {
            return new RequestOptions(this);
        }
    }
}
