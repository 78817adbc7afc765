"""What both scenes of `make desk-demo` share: what the avatar says, and how the scene is shown."""

import sys

from secondme_avatar.desk import Desk, export_csv, export_json
from secondme_avatar.testing import Emulator

COLOURS = {"visitor": "36", "avatar": "35", "operator": "32", "note": "33"}
STORY = " ".join(["It all began in a small workshop, with one pair of shoes and a lot of patience."] * 12)
SCRIPT = f"""\
avatar:
  name: The shop's avatar
rules:
  - when: {{ contains: [shoes] }}
    then:
      - say: We have the blue ones in 38 to 44. Shall I keep a pair for you?
  - when: {{ contains: [story] }}
    then:
      - say: {{ text: "{STORY}", delay: 150ms }}
  - when: any
    then:
      - say: Ask me anything, or write "human" for a person.
"""
"""A brain for the emulator, in place of the avatar's own."""


def remark(text: str) -> None:
    """Prints what happens next."""
    print(f"\n── {text}", flush=True)


def show(who: str, head: str, text: str) -> None:
    """Prints a message: who is one of ``COLOURS``, the head says who tells whom."""
    colour = COLOURS[who] if sys.stdout.isatty() else None
    for number, line in enumerate(text.splitlines() or [""]):
        row = f"{head if number == 0 else '':>26} │ {line}"
        print(f"\033[{colour}m{row}\033[0m" if colour else row, flush=True)


class States:
    """The states of a desk's conversations, shown when they change."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._shown: dict[str, str] = {}
        self._names: dict[str, str] = {}

    async def show(self) -> None:
        """Prints what has changed."""
        for view in self._desk.views():
            self._names[view.conversation] = view.visitor_name or view.conversation
        for conversation, name in self._names.items():
            view = await self._desk.find(conversation)
            if view is None:
                continue
            state = view.state if view.operator is None else f"{view.state} ({view.operator.name})"
            before = self._shown.get(conversation)
            if before != state:
                print(f"    {'':<9}[{name}'s conversation: {f'{before} → ' if before else ''}{state}]", flush=True)
                self._shown[conversation] = state


async def export(desk: Desk, conversation: str, emulator: Emulator) -> None:
    """Prints the transcript, and all that the avatar was told."""
    print("\n── The transcript of Ann's conversation, as CSV:\n")
    async for text in export_csv(desk.transcript(conversation), conversation=conversation):
        print(text.lstrip("\ufeff").rstrip("\r\n"))
    print("\n── … and the first lines of it as JSON:\n")
    written = "".join([text async for text in export_json(desk.transcript(conversation), conversation=conversation)])
    print("\n".join(written.splitlines()[:3]), "\n  …")
    entries = (await emulator.journal())["entries"]
    sent = [one for one in entries if one.get("call") == "message/send" and one["what"] == "request"]
    print("\n── All that the avatar was ever told, as the service's journal has it:\n")
    for one in sent:
        print(f"    {one['body']['data']['content']}")
