"""Notes: small texts that a program keeps with a visitor."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import _native
from ._native import Visitor
from ._plain import Plain


@dataclass(frozen=True, eq=False, repr=False)
class Note(Plain):
    """A small text that the program keeps with a visitor: see ``AvatarClient.set_note``."""

    visitor: Visitor
    """The visitor, with the name, channel and tag that the note was last written with."""
    key: str
    """Under which it is found. A visitor has one note under a key."""
    text: str = field(repr=False)
    """The text."""


_native.register(Note=Note)
