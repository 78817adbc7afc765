"""Waiting for what must come."""

import asyncio
from typing import TypeVar

from secondme_avatar import Event, Events

PATIENCE = 10.0
"""Seconds of real time that anything may take."""

E = TypeVar("E", bound=Event)


async def until(events: Events, kind: type[E]) -> E:
    """The next event of this kind."""
    async with asyncio.timeout(PATIENCE):
        async for event in events:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"there was no {kind.__name__}")
