package me.secondme.avatar.java;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/**
 * What the service answers to an authentication: all that is needed to speak as one visitor,
 * without the API key.
 *
 * <p>A server with the key gets them ({@link AvatarClient#authenticate}) and gives them to an app
 * as JSON, which speaks as that visitor and as no other. They are a secret: give each user their
 * own alone, over TLS. Printed, they show only whose they are.
 */
public final class Credentials {
    final me.secondme.avatar.Credentials core;

    Credentials(me.secondme.avatar.Credentials core) {
        this.core = core;
    }

    /**
     * Reads what {@link #toJson} wrote.
     *
     * @throws AvatarException.InvalidAnswer if the text is anything else. The error does not repeat
     *     it.
     */
    public static Credentials fromJson(String text) {
        return Failing.call(
                () ->
                        new Credentials(
                                me.secondme.avatar.Credentials.fromJson(
                                        requireNonNull(text, "text"))));
    }

    /** The id of the visitor that they are of. */
    public String visitorId() {
        return core.getVisitorId();
    }

    /**
     * The visitor that they are of, to be opened: a program that has none of its own learns here
     * who it is.
     */
    public Visitor visitor() {
        return Failing.call(() -> new Visitor(core.visitor()));
    }

    /**
     * One line of JSON, with the service's own names: {@code visitorId}, {@code visitorToken},
     * {@code visitorUserId}, {@code visitorMindId} (digits in a string), {@code avatarShareCode},
     * {@code avatarName} and {@code ownerUserId}.
     */
    public String toJson() {
        return core.toJson();
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Credentials credentials && core.equals(credentials.core);
    }

    @Override
    public int hashCode() {
        return core.hashCode();
    }

    @Override
    public String toString() {
        return core.toString();
    }
}
