"""Options that make no sense, alone or together, are refused with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._errors import MisuseError

_COUNTS = ("messages", "address", "new", "calls", "max")


def refuse_given(options: Mapping[str, object], why: str) -> None:
    """Refuses those of these options that are given: they would be ignored."""
    given = [f"`{name}`" for name, value in options.items() if value is not None]
    if given:
        names = given[0] if len(given) == 1 else f"{', '.join(given[:-1])} and {given[-1]}"
        raise MisuseError(f"{why}: leave {names} out")


def check_functions(**functions: object) -> None:
    """Refuses what cannot be called."""
    for option, value in functions.items():
        # Of what is `Any` mypy makes no type of its own, which stubtest would look for.
        given: Any = value
        if given is not None and not callable(given):
            raise MisuseError(f"`{option}` is {given!r}: it has to be a function")


def check_limits(**limits: float) -> None:
    """Refuses limits that would limit nothing, or everything."""
    for option, given in limits.items():
        value: Any = given
        if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
            raise MisuseError(f"`{option}` is {value!r}: it has to be a number, more than 0")
        if option.startswith(_COUNTS) and value < 1:
            raise MisuseError(f"`{option}` is {value!r}: it has to be 1 or more, or nothing would ever be allowed")
    body, text = limits["max_body_bytes"], limits["max_text_chars"]
    if body < text:
        raise MisuseError(
            f"`max_body_bytes` is {body}, and no message of `max_text_chars`, {text}, fits in it: a character has "
            "up to 3 bytes"
        )
