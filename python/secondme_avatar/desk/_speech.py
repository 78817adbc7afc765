"""What a desk says, in its words: with names, places and hours in them."""

from __future__ import annotations

import re

from ..bridge import Bridge
from ..bridge._sentences import sentences as bridge_sentences
from ._cases import Case
from ._connector import Line, Operator
from ._sentences import AVATARS, VISITORS, desk_sentences
from ._settings import Settings
from ._states import Effect

_PLACEHOLDER = re.compile(r"\{(operator|owner|avatar|visitor|place)\}")


class Speech:
    """The sentences of a desk, filled in."""

    bridge: Bridge
    """Knows the avatar's name, once a conversation has told it."""

    def __init__(self, settings: Settings) -> None:
        self.sentences, self.bridges = desk_sentences(settings.language, settings.sentences)
        self._settings = settings
        self._owner_head = bridge_sentences(settings.language, self.bridges).owner_head

    @property
    def avatar_name(self) -> str:
        """What the avatar is called."""
        return self._settings.avatar_name or self.bridge.avatar_name or AVATARS[self._settings.language]

    def place(self, case: Case, place: int | None) -> str:
        """Returns the sentence about the place in the queue."""
        return self._fill(self.sentences.place, case, place=str(place or 1))

    def owner_note(self, case: Case) -> str:
        """Returns what stands above the owner's words for the operators."""
        return self._fill(self.sentences.owner_note, case) + "\n"

    def owner_head(self, owner_name: str | None) -> str:
        """Returns what the bridge puts above the owner's words."""
        return self._owner_head.replace("{owner}", owner_name or "") + "\n"

    def written_out(self, case: Case, lines: list[Line]) -> str:
        """Returns lines of a transcript as a text."""
        names = {"avatar": self.avatar_name, "visitor": case.visitor_name or VISITORS[self._settings.language]}
        # What is below a first line is moved in, so that no words look like another author's.
        said = [
            f"{line.name or names.get(line.author, line.author)}: " + "\n    ".join(line.text.splitlines())
            for line in lines
        ]
        return "\n".join([self._fill(self.sentences.handed_over, case), *said])

    def sentence(self, effect: Effect, case: Case, left: Operator | None) -> str:
        if effect == "tell_late":
            hours = (
                self._settings.hours.next_opening_sentence(None, self._settings.language)
                if self._settings.hours is not None
                else ""
            )
            return f"{self._fill(self.sentences.late, case)} {hours}".strip()
        about = left if effect == "tell_left" else case.operator
        sentence: str = getattr(self.sentences, effect.removeprefix("tell_"))
        return self._fill(sentence, case, operator=about.shown_name if about is not None else "")

    def _fill(self, sentence: str, case: Case, **more: str) -> str:
        values = {
            "owner": self._settings.owner_name or self.bridge.avatar_name or AVATARS[self._settings.language],
            "avatar": self.avatar_name,
            "visitor": case.visitor_name or VISITORS[self._settings.language],
            **more,
        }
        # All at once: a name may have braces.
        return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), sentence)
