package me.secondme.avatar.java;

/**
 * What a {@link CredentialsProvider} is asked for.
 *
 * @param visitorId whose credentials are wanted: the {@link Visitor#id} that the conversation was
 *     opened for.
 * @param refused the service has refused the credentials that were given last: the server has to
 *     get others.
 */
public record CredentialsRequest(String visitorId, boolean refused) {}
