"""What a platform has to offer, and what comes from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

PostAuthor: TypeAlias = Literal["avatar", "owner", "bridge"]
"""Who says what is posted.

- ``avatar``: The avatar.
- ``owner``: The avatar's owner, in person.
- ``bridge``: The program itself: a sentence where there is no answer.
"""


@dataclass(frozen=True)
class PlatformUser:
    """A person of the platform."""

    id: str
    """The platform's id of the person, which it has verified."""
    name: str | None = None
    """The person's name, which the avatar's owner sees."""
    tenant: str | None = None
    """The workspace, company or tenant to which the id belongs, where ids are unique in one only."""


@dataclass(frozen=True)
class IncomingMessage:
    """A message of a person to the bot. In a group an outlet passes on only what mentions the bot."""

    id: str
    """The platform's id of the message. What comes again under the same id is a duplicate."""
    user: PlatformUser
    """Who says it."""
    address: str
    """Where to answer: a text by which the outlet finds the place again, at most 4 KiB. It is kept in the store."""
    text: str = field(default="", repr=False)
    """What is said, without the bot's name."""
    thread: str | None = None
    """The thread or group in which it is said. It counts with ``sessions="thread"``."""
    has_other_parts: bool = False
    """Whether there is something beside the text, such as a picture."""


@dataclass(frozen=True)
class Limits:
    """What a platform allows. One of ``max_chars`` and ``max_bytes`` has to be given."""

    update_interval: float = 1.0
    """The shortest time between two updates of a message, in seconds."""
    max_chars: int | None = None
    """The longest message, in UTF-16 units."""
    max_bytes: int | None = None
    """The longest message, in bytes of UTF-8."""
    measure: Callable[[str], int] | None = None
    """How long a text is for ``max_chars``, where the platform counts otherwise. A longer text is never shorter."""
    min_update_chars: int | None = None
    """So many new characters are sent at once, even before the interval is over. Default: the interval alone counts."""
    max_updates: int | None = None
    """How many updates a message takes. After them it is only finished."""
    max_age: float | None = None
    """How long a message may grow, in seconds. After that the answer goes on in the next one."""
    calls_per_second: float | None = None
    """How many calls the outlet may make in a second, over all its messages."""

    def __post_init__(self) -> None:
        if self.max_chars is None and self.max_bytes is None:
            raise ValueError("give `max_chars` or `max_bytes`: how long a message of this platform may be")


class RetryLater(Exception):
    """An outlet raises it where the platform wants to be asked later, as with HTTP 429."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"the platform wants no call for {retry_after:g} s")
        self.retry_after = retry_after
        """How long to wait, in seconds."""


class DraftExpired(Exception):
    """A draft raises it where its message takes nothing more."""


class Undeliverable(Exception):
    """An outlet raises it where trying again does not help: the bot was removed, or the place is gone."""


@dataclass(frozen=True)
class PostDetails:
    """What a post is: who speaks, and how it is recognised when it is tried again."""

    author: PostAuthor
    owner_name: str | None
    """The owner's name, where the owner speaks."""
    key: str
    """The same for each attempt of the same post, after a restart too: for platforms that recognise a repeated call."""
    is_repeated: bool = False
    """Whether an earlier attempt, of this process or one before, may have been carried out."""


class Draft(ABC):
    """A message that grows. Its texts are always whole texts, never the pieces that are new."""

    handle: str
    """The text by which ``Outlet.reopen`` finds it again. It is kept in the store."""
    is_deferred: bool = False
    """Whether ``update`` ends before the text is shown, so that it is open what stands there."""

    @abstractmethod
    async def update(self, text: str) -> None:
        """Shows more of the text."""

    @abstractmethod
    async def finish(self, text: str) -> None:
        """Shows the whole text, and ends the message."""

    async def show(self) -> None:
        """Shows a message that people do not see before, so that its handle is in the store by then: it is not made
        twice after a restart. Called again, also after ``Outlet.reopen``, it does no more."""
        return


@dataclass(frozen=True)
class PostedMessage:
    """A message of the bot that stands on the platform."""

    handle: str
    """A text by which ``Outlet.reopen`` finds it."""
    text: str = field(repr=False)
    """What it shows."""


class Outlet(ABC):
    """What a platform has to offer. Only ``limits`` and ``post`` are needed; the other calls are left as they are where
    a platform has nothing of the kind."""

    limits: Limits
    """What the platform allows."""
    shows_author: bool = False
    """Whether the outlet itself marks what the owner says. Without it, the bridge puts a line above."""
    appends: bool = False
    """Whether a message's text can only be added to, as in a stream. Otherwise it is cut at a better place."""
    can_open: bool = False
    """Whether the platform has messages that grow: ``open``."""
    can_tell_recent: bool = False
    """Whether the bot's own messages can be read: ``recent``."""

    @abstractmethod
    async def post(self, address: str, text: str, details: PostDetails) -> str | None:
        """Posts a whole message, within the limits, and returns its handle, if it has one."""

    async def open(self, address: str, text: str, details: PostDetails) -> Draft:
        """Posts a message that grows, with its first text."""
        raise NotImplementedError

    async def reopen(self, address: str, handle: str) -> Draft | None:
        """Finds a message again that was opened, by this process or an earlier one, so that ``finish`` works on it."""
        return None

    async def recent(self, address: str, since: float) -> list[PostedMessage]:
        """Returns the bot's own messages in this place since this time (seconds since 1970), oldest first."""
        return []

    async def close(self) -> None:
        """Gives up what the outlet holds, such as connections."""
        return
