package me.secondme.avatar.java;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/**
 * A person who talks with the avatar.
 *
 * <pre>{@code
 * Visitor visitor = Visitor.forUser("feishu", "ou_abc").withName("张三");
 * }</pre>
 */
public final class Visitor {
    final me.secondme.avatar.Visitor core;

    Visitor(me.secondme.avatar.Visitor core) {
        this.core = core;
    }

    /**
     * The visitor for a person of a platform, by the id that the platform has for them. The same
     * person is always the same visitor, in every language and version, with no table to keep. The
     * user id comes from a login that the program has verified. Where it can be guessed, as a phone
     * number can, {@link #forUserWithSecret} is right.
     *
     * @throws AvatarException.InvalidVisitorId if no id can be made of the two.
     */
    public static Visitor forUser(String platform, String userId) {
        return Failing.call(
                () ->
                        new Visitor(
                                me.secondme.avatar.Visitor.forUser(
                                        requireNonNull(platform, "platform"),
                                        requireNonNull(userId, "userId"),
                                        null,
                                        null,
                                        null)));
    }

    /** The same with a {@linkplain #name display name}. */
    public static Visitor forUser(String platform, String userId, @Nullable String name) {
        return forUser(platform, userId).withName(name);
    }

    /**
     * The visitor for a person of a platform, with an id that only a program with the secret can
     * make: HMAC-SHA256 over platform and user id. The same three give the same visitor in every
     * language; another secret gives others. The user id comes from a login that the program has
     * verified, and the secret stays on a server.
     *
     * @param secret at least 16 bytes in UTF-8.
     * @throws AvatarException.InvalidVisitorId if the secret is shorter, or no id can be made of
     *     the three.
     */
    public static Visitor forUserWithSecret(String platform, String userId, String secret) {
        return Failing.call(
                () ->
                        new Visitor(
                                me.secondme.avatar.Visitor.forUserWithSecret(
                                        requireNonNull(platform, "platform"),
                                        requireNonNull(userId, "userId"),
                                        requireNonNull(secret, "secret"),
                                        null,
                                        null,
                                        null)));
    }

    /**
     * The visitor with this id.
     *
     * @throws AvatarException.InvalidVisitorId if it is none.
     */
    public static Visitor parse(String id) {
        return Failing.call(
                () ->
                        new Visitor(
                                me.secondme.avatar.Visitor.parse(
                                        requireNonNull(id, "id"), null, null, null)));
    }

    /** A new visitor. Keep the id: it is the only way back to them. */
    public static Visitor random(String platform) {
        return Failing.call(
                () ->
                        new Visitor(
                                me.secondme.avatar.Visitor.random(
                                        requireNonNull(platform, "platform"), null, null, null)));
    }

    /**
     * {@code {platform}_{uuid}}: the same id is the same visitor, who finds earlier sessions again.
     */
    public String id() {
        return core.getId();
    }

    /** A display name for the avatar's owner, such as {@code 张三}. */
    public @Nullable String name() {
        return core.getName();
    }

    /** What the service appends to the name: {@code 张三(feishu)}. */
    public @Nullable String channel() {
        return core.getChannel();
    }

    /**
     * A tag of the program's own, 1024 bytes at most: what the platform calls the person, the
     * channel to answer in. It is never sent to the service. It is kept with the visitor, in the
     * store too, and stands on {@linkplain Event#tag every event}; a visitor opened without one
     * keeps the one from before.
     */
    public @Nullable String tag() {
        return core.getTag();
    }

    /** The same visitor with this {@linkplain #name display name}. */
    public Visitor withName(@Nullable String name) {
        return with(name, channel(), tag());
    }

    /** The same visitor with this {@linkplain #channel channel}. */
    public Visitor withChannel(@Nullable String channel) {
        return with(name(), channel, tag());
    }

    /** The same visitor with this {@linkplain #tag tag}. */
    public Visitor withTag(@Nullable String tag) {
        return with(name(), channel(), tag);
    }

    private Visitor with(@Nullable String name, @Nullable String channel, @Nullable String tag) {
        return Failing.call(
                () -> new Visitor(me.secondme.avatar.Visitor.parse(id(), name, channel, tag)));
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Visitor visitor && core.equals(visitor.core);
    }

    @Override
    public int hashCode() {
        return core.hashCode();
    }

    /** The id. */
    @Override
    public String toString() {
        return id();
    }
}
