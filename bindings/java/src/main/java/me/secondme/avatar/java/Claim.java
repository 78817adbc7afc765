package me.secondme.avatar.java;

import org.jspecify.annotations.Nullable;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

/**
 * A future for which something is taken. What ends it from outside (a cancellation, a time limit)
 * comes before that is taken, or has no effect any more: what is taken is always given.
 */
final class Claim<T> extends CompletableFuture<T> {
    private final AtomicBoolean isDecided = new AtomicBoolean();

    /** Whether nothing has ended it. From now on nothing but {@link #give} does. */
    boolean make() {
        return isDecided.compareAndSet(false, true);
    }

    /** What was taken after it was claimed; {@code null} where it could not be. */
    void give(@Nullable T value) {
        if (value != null) {
            super.complete(value);
        }
    }

    @Override
    public boolean complete(T value) {
        return make() && super.complete(value);
    }

    @Override
    public boolean completeExceptionally(Throwable why) {
        return make() && super.completeExceptionally(why);
    }

    @Override
    public boolean cancel(boolean mayInterrupt) {
        return make() ? super.cancel(mayInterrupt) : isCancelled();
    }

    @Override
    public CompletableFuture<T> completeAsync(Supplier<? extends T> supplier, Executor executor) {
        executor.execute(
                () -> {
                    try {
                        complete(supplier.get());
                    } catch (Throwable failed) {
                        completeExceptionally(failed);
                    }
                });
        return this;
    }

    /** What is made of it by {@code thenApply} and the like. */
    @Override
    public <U> CompletableFuture<U> newIncompleteFuture() {
        return new CompletableFuture<>();
    }
}
