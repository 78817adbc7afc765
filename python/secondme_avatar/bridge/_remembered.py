"""A set that forgets: see ``Remembered``."""

from __future__ import annotations

from collections.abc import Iterable

_MOST = 10_000


class Remembered:
    """The last 10,000 values that were added."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: dict[str, None] = {}
        self.update(values)

    def add(self, value: str) -> None:
        self._values.pop(value, None)
        self._values[value] = None
        if len(self._values) > _MOST:
            del self._values[next(iter(self._values))]

    def update(self, values: Iterable[str]) -> None:
        for value in values:
            self.add(value)

    def discard(self, value: str) -> None:
        self._values.pop(value, None)

    def __contains__(self, value: object) -> bool:
        return value in self._values

    def __len__(self) -> int:
        return len(self._values)
