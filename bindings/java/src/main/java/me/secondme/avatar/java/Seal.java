package me.secondme.avatar.java;

/**
 * Encrypts what a {@linkplain ClientOptions.Builder#store(String) store} keeps, so that the file is
 * of no use without a key that lies elsewhere: in a key management service.
 *
 * <p>Both functions are called on a thread of their own, one call at a time and one for each row,
 * with some hundred bytes to some kilobytes. They may block, and what waits for the store waits
 * meanwhile; so they ask no service over the network for each row. A call that takes longer than 20
 * s counts as failed; it runs on, and until it has returned no other is begun, and each fails at
 * once. They do not call this library. A seal adds what it needs, such as a nonce, and refuses
 * bytes that were changed.
 *
 * <p>Where {@code seal} throws, nothing is written, and the call fails with {@link
 * AvatarException.Store}. Where {@code unseal} throws, the row stays where it is, for a later run.
 * Both times the error repeats what the exception says.
 */
public interface Seal {
    /**
     * The bytes as they are to be written.
     *
     * @throws Exception if they cannot be sealed.
     */
    byte[] seal(byte[] bytes) throws Exception;

    /**
     * What {@link #seal} was given.
     *
     * @throws Exception if the bytes were changed, or the key is not to be had.
     */
    byte[] unseal(byte[] sealed) throws Exception;
}
