"""Where a text that is too long for one message is cut."""

from __future__ import annotations

import re
from bisect import bisect_left

from ._outlet import Limits

_BOUNDARIES = [re.compile(pattern) for pattern in (r"\n\s*\n", r"\n", r"[.!?…](?=\s)\s|[。！？；]", r"\s")]
"""Paragraph, line, sentence, space: the first that there is decides."""


def units(text: str) -> int:
    """Returns the length in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def at_unit(text: str, offset: int) -> int:
    """Returns the index of the character at this UTF-16 offset."""
    return len(text.encode("utf-16-le", "surrogatepass")[: offset * 2].decode("utf-16-le", "ignore"))


def length_of(text: str, limits: Limits) -> int:
    """Returns how long the text is for ``max_chars``."""
    return units(text) if limits.measure is None else limits.measure(text)


def longest(text: str, limits: Limits, share: float = 1.0) -> int:
    """Returns how many characters of the text one message can show; ``share`` takes a part of the limits."""

    def fits(length: int) -> bool:
        start = text[:length]
        return (limits.max_chars is None or length_of(start, limits) <= limits.max_chars * share) and (
            limits.max_bytes is None or len(start.encode("utf-8", "surrogatepass")) <= limits.max_bytes * share
        )

    if fits(len(text)):
        return len(text)
    return bisect_left(range(len(text)), True, key=lambda length: not fits(length + 1))


def cut(text: str, limits: Limits, shown: int = 0) -> int:
    """Returns how many characters of a text that is too long come into this message: at least ``shown``, which it shows
    already, and up to a paragraph's end, else a line's, a sentence's or a word's."""
    end = max(longest(text, limits), 1)
    if end >= len(text):
        return len(text)
    return boundary(text[:end], max(shown, end // 2)) or end


def boundary(text: str, start: int) -> int | None:
    """Returns the last good place for a cut at or behind ``start``, if there is one."""
    for pattern in _BOUNDARIES:
        places = [match.end() for match in pattern.finditer(text) if match.end() >= start]
        if places:
            return places[-1]
    return None
