package me.secondme.avatar.java;

import kotlin.coroutines.Continuation;
import kotlin.jvm.functions.Function0;
import kotlin.jvm.functions.Function1;

/**
 * What Kotlin's subscription has for this package alone: Java sees it, and Kotlin's own users do
 * not.
 */
final class Taking {
    private Taking() {}

    static Object takeIf(
            me.secondme.avatar.Subscription events,
            Function1<? super me.secondme.avatar.Event, Boolean> where,
            Function0<Boolean> claim,
            Continuation<? super me.secondme.avatar.Event> then) {
        return events.takeIf(where, claim, then);
    }

    static AvatarException ended(me.secondme.avatar.Subscription events, String kind) {
        return AvatarException.of(events.ended(kind));
    }
}
