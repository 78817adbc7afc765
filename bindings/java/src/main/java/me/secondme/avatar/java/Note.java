package me.secondme.avatar.java;

/**
 * A small text that the program keeps with a visitor: see {@link AvatarClient#setNote(Visitor,
 * String, String)}.
 */
public final class Note {
    private final me.secondme.avatar.Note core;

    Note(me.secondme.avatar.Note core) {
        this.core = core;
    }

    /** The visitor, with the name, channel and tag that the note was last written with. */
    public Visitor visitor() {
        return new Visitor(core.getVisitor());
    }

    /** Under which it is found. A visitor has one note under a key. */
    public String key() {
        return core.getKey();
    }

    /** The text. */
    public String text() {
        return core.getText();
    }

    @Override
    public String toString() {
        return core.toString();
    }
}
