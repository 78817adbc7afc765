"""What becomes of a conversation: the one table that decides. ``docs/desk.md`` shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

State: TypeAlias = Literal["bot", "waiting", "person", "closed"]
"""Where a conversation stands.

- ``bot``: The avatar answers.
- ``waiting``: The visitor waits for a person; the avatar is silent.
- ``person``: An operator has it; the avatar is silent.
- ``closed``: It is over; the visitor's next message opens it again.
"""

Event: TypeAlias = Literal[
    "visitor_said",
    "visitor_asked",
    "visitor_asked_late",
    "visitor_went_back",
    "operator_took",
    "operator_said",
    "operator_queued",
    "operator_handed_back",
    "operator_left",
    "closed",
    "reopened",
    "queue_timed_out",
    "hours_ended",
]
"""What happens to a conversation.

- ``visitor_said``: The visitor wrote.
- ``visitor_asked``: The visitor asked for a person, within the hours.
- ``visitor_asked_late``: The visitor asked for a person, outside of the hours.
- ``visitor_went_back``: The visitor wants the avatar again.
- ``operator_took``: An operator took it.
- ``operator_said``: An operator wrote to the visitor.
- ``operator_queued``: An operator put it into the queue, for any other to take.
- ``operator_handed_back``: An operator gave it back to the avatar.
- ``operator_left``: The operator who has it went away.
- ``closed``: An operator closed it.
- ``reopened``: An operator opened it again.
- ``queue_timed_out``: The visitor has waited for as long as one may.
- ``hours_ended``: The hours ended while the visitor waited.
"""

Effect: TypeAlias = Literal[
    "ask_avatar",
    "stop_avatar",
    "tell_place",
    "tell_late",
    "tell_timed_out",
    "tell_joined",
    "tell_left",
    "tell_back",
    "tell_closed",
    "hand_over",
    "show_state",
]
"""What follows from an event, beside the next state.

- ``ask_avatar``: The visitor's message goes to the avatar.
- ``stop_avatar``: The avatar stops, in the middle of a reply too, and what waits for it does not go out.
- ``tell_place``: The visitor is told the place in the queue.
- ``tell_late``: The visitor is told when people are here again.
- ``tell_timed_out``: The visitor is told that no one was free.
- ``tell_joined``: The visitor is told who is here now.
- ``tell_left``: The visitor is told who has left.
- ``tell_back``: The visitor is told that the avatar answers again.
- ``tell_closed``: The visitor is told that the conversation is over.
- ``hand_over``: The operators get the transcript.
- ``show_state``: The connector shows how things stand.
"""

STATES: tuple[State, ...] = get_args(State)
EVENTS: tuple[Event, ...] = get_args(Event)


@dataclass(frozen=True)
class Cell:
    """What an event leads to."""

    next: State
    effects: tuple[Effect, ...] = ()


def _to(next: State, *effects: Effect) -> Cell:
    return Cell(next, effects)


TABLE: dict[Event, dict[State, Cell]] = {
    "visitor_said": {
        "bot": _to("bot", "ask_avatar"),
        "waiting": _to("waiting"),
        "person": _to("person"),
        "closed": _to("bot", "show_state", "ask_avatar"),
    },
    "visitor_asked": {
        "bot": _to("waiting", "stop_avatar", "tell_place", "show_state", "hand_over"),
        "waiting": _to("waiting", "tell_place"),
        "person": _to("person"),
        "closed": _to("waiting", "tell_place", "show_state", "hand_over"),
    },
    "visitor_asked_late": {
        "bot": _to("bot", "tell_late"),
        "waiting": _to("waiting", "tell_late"),
        "person": _to("person"),
        "closed": _to("bot", "show_state", "tell_late"),
    },
    "visitor_went_back": {
        "bot": _to("bot", "tell_back"),
        "waiting": _to("bot", "tell_back", "show_state"),
        "person": _to("person"),
        "closed": _to("bot", "tell_back", "show_state"),
    },
    "operator_took": {
        "bot": _to("person", "stop_avatar", "tell_joined", "show_state", "hand_over"),
        "waiting": _to("person", "tell_joined", "show_state"),
        "person": _to("person", "tell_left", "tell_joined", "show_state"),
        "closed": _to("person", "tell_joined", "show_state", "hand_over"),
    },
    "operator_said": {
        "bot": _to("person", "stop_avatar", "tell_joined", "show_state", "hand_over"),
        "waiting": _to("person", "tell_joined", "show_state"),
        "person": _to("person"),
        "closed": _to("closed"),
    },
    "operator_queued": {
        "bot": _to("waiting", "stop_avatar", "tell_place", "show_state", "hand_over"),
        "waiting": _to("waiting"),
        "person": _to("waiting", "tell_left", "tell_place", "show_state", "hand_over"),
        "closed": _to("waiting", "tell_place", "show_state", "hand_over"),
    },
    "operator_handed_back": {
        "bot": _to("bot"),
        "waiting": _to("bot", "tell_back", "show_state"),
        "person": _to("bot", "tell_left", "tell_back", "show_state"),
        "closed": _to("bot", "tell_back", "show_state"),
    },
    "operator_left": {
        "bot": _to("bot"),
        "waiting": _to("waiting"),
        "person": _to("waiting", "tell_left", "tell_place", "show_state", "hand_over"),
        "closed": _to("closed"),
    },
    "closed": {
        "bot": _to("closed", "stop_avatar", "tell_closed", "show_state"),
        "waiting": _to("closed", "tell_closed", "show_state"),
        "person": _to("closed", "tell_left", "tell_closed", "show_state"),
        "closed": _to("closed"),
    },
    "reopened": {
        "bot": _to("bot"),
        "waiting": _to("waiting"),
        "person": _to("person"),
        "closed": _to("bot", "show_state"),
    },
    "queue_timed_out": {
        "bot": _to("bot"),
        "waiting": _to("bot", "tell_timed_out", "show_state"),
        "person": _to("person"),
        "closed": _to("closed"),
    },
    "hours_ended": {
        "bot": _to("bot"),
        "waiting": _to("bot", "tell_late", "show_state"),
        "person": _to("person"),
        "closed": _to("closed"),
    },
}
"""For each event and each state: the next state, and what follows, in order. An operator who takes again what they have
is no event, nor is one who leaves what another has."""
