package me.secondme.avatar.java;

/** Gives visitors' credentials: see {@link AvatarClient#withCredentials}. */
@FunctionalInterface
public interface CredentialsProvider {
    /**
     * The visitor's credentials. It may block; its thread is interrupted when no call waits for
     * them any more.
     *
     * @throws Exception the error of the calls that wait: see {@link TokenProvider#token}.
     */
    Credentials credentials(CredentialsRequest request) throws Exception;
}
