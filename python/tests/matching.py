"""Whether something is what a scenario says."""

from collections.abc import Iterable, Sequence
from typing import Any


def matches(pattern: Any, found: Any) -> bool:
    """Everything the pattern names is there. Lists are of equal length; ``"*"`` is anything at all."""
    if pattern == "*":
        return found is not None
    if isinstance(pattern, dict) and isinstance(found, dict):
        return all(matches(part, found.get(name)) for name, part in pattern.items())
    if isinstance(pattern, list) and isinstance(found, list):
        return len(pattern) == len(found) and all(map(matches, pattern, found))
    if isinstance(pattern, bool) or isinstance(found, bool):
        return pattern is found
    return bool(pattern == found)


def in_order(patterns: Sequence[Any], found: Iterable[Any]) -> tuple[int, Any]:
    """How far one has to read until all patterns are met, in this order; and the first one that is not."""
    wanted = iter(patterns)
    pattern = next(wanted, None)
    end = 0
    for at, item in enumerate(found):
        if pattern is not None and matches(pattern, item):
            pattern = next(wanted, None)
            end = at + 1
    return end, pattern
