package me.secondme.avatar.java;

import java.util.function.Supplier;

/** Calls of Kotlin's objects, whose failures become those of this package. */
final class Failing {
    private Failing() {}

    static <T> T call(Supplier<T> call) {
        try {
            return call.get();
        } catch (me.secondme.avatar.AvatarException failed) {
            throw AvatarException.of(failed);
        }
    }

    static void run(Runnable call) {
        call(
                () -> {
                    call.run();
                    return true;
                });
    }
}
