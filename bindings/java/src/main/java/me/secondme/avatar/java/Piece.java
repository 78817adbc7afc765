package me.secondme.avatar.java;

/** A piece of a reply. */
public final class Piece {
    private final me.secondme.avatar.Piece core;

    Piece(me.secondme.avatar.Piece core) {
        this.core = core;
    }

    /** Who says it: the avatar, or its owner in person. */
    public Author author() {
        return Author.of(core.getAuthor());
    }

    /** The next piece of the text; empty where a piece is a card. */
    public String text() {
        return core.getText();
    }

    @Override
    public String toString() {
        return core.toString();
    }
}
