"""Secrets that do not print: a traceback may show the arguments and the variables of a call that has failed."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class Secret(str):
    """A text whose ``repr`` shows nothing of it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


def hidden(value: T) -> T:
    """The value; where it is a text, one that does not print."""
    return Secret(value) if type(value) is str else value  # type: ignore[return-value]
