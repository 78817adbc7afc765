"""What Chatwoot's reports say of a conversation, and what has changed since the last one."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from ._chatwoot_webhooks import Message, Person, Report, Status
from ._connector import ConversationView

Change: TypeAlias = Literal["taken", "queued", "left", "handed_back", "closed", "reopened"]

_ECHO = 60.0
"""How long a report of what the connector itself did is waited for, in seconds."""
_REPORTED = 10.0
"""How long what is reported may be older than what the connector did, where that is not reported yet, in seconds."""
_OWN = 50


@dataclass
class Own:
    """A message that the bot has written, as Chatwoot reports it."""

    number: int
    id: int
    source_id: str | None
    text: bytes
    """What stands for its letters and digits: Chatwoot may change what is between them."""


@dataclass
class Awaited:
    """A status that the connector has asked for, until Chatwoot has reported it."""

    status: Status
    before: Status
    agent_before: Person | None
    at: float
    deferred: Report | None = None
    """The last report of how it was before: it may have been under way, or be newer than what is awaited."""


@dataclass
class Tracked:
    """A conversation, as Chatwoot has reported it last."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Reports of one conversation are dealt with one after the other."""
    showing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Nothing is shown while it is read what came before the start."""
    updated_at: float = 0.0
    status: Status | None = None
    agent: Person | None = None
    channel: str = ""
    asked: dict[Status, float] = field(default_factory=dict[Status, float])
    """The statuses that the connector has asked for lately, with the time. Each is reported several times over."""
    awaited: Awaited | None = None
    given: float = -_ECHO
    """When the connector has assigned it to the agent to whom it assigns what waits."""
    early: Report | None = None
    """The newest report that came before the desk looks after the conversation: reports come in any order."""
    own: deque[Own] = field(default_factory=lambda: deque[Own](maxlen=_OWN))
    count: int = 0
    """How many messages of the bot were reported."""
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    """Is set with each of them."""

    def ask(self, status: Status) -> None:
        """Notes that the connector is about to ask for this status."""
        self.asked[status] = time.monotonic()
        if self.status is not None and self.status != status:
            self.awaited = Awaited(status, self.status, self.agent, time.monotonic())

    def give(self) -> None:
        """Notes that the connector is about to assign what waits."""
        self.given = time.monotonic()

    def came_early(self, report: Report) -> None:
        """Keeps a report of a conversation that the desk does not look after yet."""
        self.early = replace(self.newest(report), message=None)

    def newest(self, report: Report) -> Report:
        """Returns this report, or the one that came early, where that is newer."""
        return self.early if self.early is not None and self.early.updated_at > report.updated_at else report

    def give_up(self, status: Status) -> None:
        """Notes that this was not carried out, as far as is known."""
        self.asked.pop(status, None)
        self.awaited = None

    def awaits(self, report: Report) -> bool:
        """Whether a report says how things were before what the connector has asked for."""
        awaited = self.awaited
        if awaited is None or time.monotonic() - awaited.at >= _REPORTED:
            self.awaited = None
            return False
        if (report.status, report.agent) != (awaited.before, awaited.agent_before):
            return False
        if awaited.deferred is None or report.updated_at >= awaited.deferred.updated_at:
            awaited.deferred = replace(report, message=None)
        return True

    def arrived(self, report: Report) -> Report | None:
        """Notes that what was awaited is reported, and returns what was deferred, where it is newer than that."""
        awaited = self.awaited
        if awaited is None or report.status != awaited.status:
            return None
        self.awaited = None
        deferred = awaited.deferred
        return deferred if deferred is not None and deferred.updated_at > report.updated_at else None

    def was_asked(self, status: Status) -> bool:
        """Whether the connector did this itself, and no one else has changed anything since, as far as is known."""
        return time.monotonic() - self.asked.get(status, -_ECHO) < _ECHO

    def note(self, report: Report) -> None:
        """Keeps what a report says, unless a newer one has come."""
        if report.updated_at >= self.updated_at:
            self.updated_at, self.status, self.agent = report.updated_at, report.status, report.agent

    def hear(self, message: Message) -> None:
        """Notes a message of the bot's own."""
        self.count += 1
        self.own.append(Own(self.count, message.id, message.source_id, _digest(message.text)))
        self.heard.set()
        self.heard = asyncio.Event()

    def find(self, after: int, text: str, source_id: str | None) -> int | None:
        """Returns the id of the bot's message with this key, or with this text, if that was reported after so many."""
        said = _digest(text)
        for own in self.own:
            if own.number > after and own.source_id is None and own.text == said:
                return own.id
        return self.named(source_id) if source_id is not None else None

    def named(self, source_id: str) -> int | None:
        """Returns the id of the bot's message with this key, if it was reported."""
        return next((own.id for own in self.own if own.source_id == source_id), None)


def change_of(
    tracked: Tracked, report: Report, view: ConversationView | None, *, assigned_is_taken: bool, waits_for: int | None
) -> tuple[Change | None, bool]:
    """Returns what a report tells that the desk does not know yet, and whether the report is to be kept.

    :param waits_for: The agent to whom the connector itself assigns what waits: it is theirs when they answer.
    """
    if report.updated_at < tracked.updated_at or tracked.awaits(report):
        return None, False
    is_waiting = view is not None and view.state == "waiting"
    given_to = waits_for if is_waiting or time.monotonic() - tracked.given < _ECHO else None
    if tracked.was_asked(report.status) and (report.status != "open" or _taker(report.agent, given_to) is None):
        # The connector's own doing. It may have done something else since.
        is_awaited = tracked.awaited is not None and report.status == tracked.awaited.status
        return None, is_awaited or report.status == tracked.status
    change = _change(tracked, report, view, assigned_is_taken, given_to)
    if change is not None:
        tracked.given = -_ECHO
        # What was asked for before is reported by older reports alone.
        tracked.asked.clear()
    return change, True


def _taker(agent: Person | None, given_to: int | None) -> Person | None:
    return None if agent is not None and agent.id == given_to else agent


def _change(
    tracked: Tracked,
    report: Report,
    view: ConversationView | None,
    assigned_is_taken: bool,
    given_to: int | None,
) -> Change | None:
    status, agent = report.status, _taker(report.agent, given_to)
    before, agent_before = _before(tracked, view)
    agent_before = _taker(agent_before, given_to)
    is_new_status = status != before
    if status == "open":
        if agent is not None and assigned_is_taken:
            is_known = not is_new_status and agent_before is not None and agent_before.id == agent.id
            return None if is_known else "taken"
        if is_new_status and before != "snoozed":
            return "queued"
        return "left" if agent is None and agent_before is not None else None
    if is_new_status and status == "resolved":
        return "closed"
    if is_new_status and status == "pending":
        return "reopened" if before == "resolved" else "handed_back"
    return None


def _before(tracked: Tracked, view: ConversationView | None) -> tuple[Status | None, Person | None]:
    """Returns what was known: after a restart it is what the desk has kept."""
    if tracked.status is not None:
        return tracked.status, tracked.agent
    if view is None or view.state in ("bot", "waiting"):
        # One that waits may not have been opened yet.
        return "pending", None
    if view.state == "closed":
        return "resolved", None
    operator = view.operator
    agent = Person(int(operator.id), operator.name or "") if operator is not None and operator.id.isdigit() else None
    return "open", agent


def _digest(text: str) -> bytes:
    return hashlib.sha256(plain(text).encode(errors="replace")).digest()[:16]


def plain(text: str) -> str:
    """Returns the letters and digits of a text."""
    return re.sub(r"[\W_]+", "", text)
