/**
 * Talk with a SecondMe AI avatar: {@link me.secondme.avatar.java.AvatarClient} makes conversations,
 * a {@link me.secondme.avatar.java.Conversation} asks and hears.
 *
 * <p>What waits is there twice: under its name it blocks its thread, which may be interrupted, and
 * with {@code Async} it gives a {@link java.util.concurrent.CompletableFuture}, which may be
 * cancelled. Both give the call up in the library too. A blocking call whose thread is interrupted
 * throws a {@link java.util.concurrent.CancellationException} and leaves the thread marked as
 * interrupted.
 *
 * <p>What fails is an {@link me.secondme.avatar.java.AvatarException}, which is unchecked.
 */
@NullMarked
package me.secondme.avatar.java;

import org.jspecify.annotations.NullMarked;
