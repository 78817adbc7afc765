package me.secondme.avatar.java;

/** A listener that is told what happens, until this is closed. */
public interface Listening extends AutoCloseable {
    /** Tells the listener nothing more. Closing twice does no harm. */
    @Override
    void close();
}
