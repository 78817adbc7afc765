package me.secondme.avatar.java;

/** Gives users' access tokens: see {@link AvatarClient#visitorChat(TokenProvider)}. */
@FunctionalInterface
public interface TokenProvider {
    /**
     * The access token of a user ({@code lba_at_…}). It may block, on a thread of its own for each
     * visitor, at most 20 s: then its thread is interrupted, and it is asked again within the
     * deadlines of the calls that wait. So it is when no call waits for the token any more, or the
     * client is closed.
     *
     * @throws Exception the error of the calls that wait: an {@link AvatarException} keeps its
     *     kind; an {@link java.io.IOException} or a {@link java.util.concurrent.TimeoutException}
     *     becomes {@link AvatarException.ConnectionFailed} and is tried again within the deadlines
     *     of those calls; anything else becomes {@link AvatarException.Authentication}.
     */
    String token(TokenRequest request) throws Exception;
}
