package me.secondme.avatar.java;

/**
 * What a {@link TokenProvider} is asked for.
 *
 * @param visitorId whose token is wanted: the {@link Visitor#id} that the conversation was opened
 *     for. The service is not told it, since the token says who speaks.
 * @param refused the service has refused the token that was given last: give another one, refreshed
 *     perhaps.
 */
public record TokenRequest(String visitorId, boolean refused) {}
