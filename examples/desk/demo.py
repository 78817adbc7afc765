"""A visitor, an operator and the avatar's owner in one scene: `make desk-demo`.

SecondMe is the emulator, Chatwoot the fake in examples/platforms; the desk is the real one.
"""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python" / "desk"))

from chatwoot_stage import FakeChatwoot, fake_chatwoot, served  # noqa: E402
from secondme_avatar.desk import BusinessHours, Desk, export_csv, export_json  # noqa: E402
from secondme_avatar.desk.chatwoot import ChatwootAccount, ChatwootConnector  # noqa: E402
from secondme_avatar.testing import Emulator  # noqa: E402

COLOURS = {"Ann": "36", "Ben": "36", "Avatar": "35", "Carol": "32", "note": "33"}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SCRIPT = """\
avatar:
  name: The shop's avatar
rules:
  - when: { contains: [shoes] }
    then:
      - say: We have the blue ones in 38 to 44. Shall I keep a pair for you?
  - when: { contains: [story] }
    then:
      - say: { text: "%s", delay: 150ms }
  - when: any
    then:
      - say: Ask me anything, or write "human" for a person.
"""
STORY = " ".join(["It all began in a small workshop, with one pair of shoes and a lot of patience."] * 12)


class Scene:
    """What is said and shown, as it comes."""

    def __init__(self, fake: FakeChatwoot, desk: Desk, emulator: Emulator) -> None:
        self.fake, self.desk, self.emulator = fake, desk, emulator
        self._shown: dict[int, int] = {}
        self._states: dict[str, str] = {}

    def remark(self, text: str) -> None:
        print(f"\n── {text}", flush=True)

    async def show(self) -> None:
        """Prints what has come since."""
        for chat in (await self.fake.look("chats"))["chats"]:
            messages = [one for one in chat["messages"] if one["kind"] != "activity"]
            for message in messages[self._shown.get(chat["number"], 0) :]:
                self._print(chat["name"], message)
            self._shown[chat["number"]] = len(messages)
        for view in self.desk.views():
            state = view.state if view.operator is None else f"{view.state} ({view.operator.name})"
            if self._states.get(view.conversation) != state:
                name = view.visitor_name or view.conversation
                before = self._states.get(view.conversation)
                print(f"    {'':<9}[{name}'s conversation: {f'{before} → ' if before else ''}{state}]", flush=True)
                self._states[view.conversation] = state

    def _print(self, visitor: str, message: dict[str, Any]) -> None:
        who = "note" if message["private"] else message["name"]
        mark = f"{message['name']} to operators only" if message["private"] else f"{message['name']} → {visitor}"
        if message["kind"] == "incoming":
            mark = f"{message['name']} (visitor)"
        colour = COLOURS.get(who, "0") if sys.stdout.isatty() else None
        for number, line in enumerate(message["text"].splitlines() or [""]):
            head = f"{mark:>26}" if number == 0 else ""
            text = f"{head:>26} │ {line}"
            print(f"\033[{colour}m{text}\033[0m" if colour else text, flush=True)

    async def until(self, *texts: str) -> None:
        """Goes on when all of these were said."""

        async def are_said() -> bool:
            await self.show()
            chats = (await self.fake.look("chats"))["chats"]
            said = "\n".join(message["text"] for chat in chats for message in chat["messages"])
            return all(text in said for text in texts)

        await self.fake.until(are_said)
        await self.fake.until_delivered()
        await self.show()

    async def state(self, conversation: str, state: str) -> None:
        async def is_so() -> bool:
            await self.show()
            view = self.desk.view(conversation)
            return view is not None and view.state == state

        await self.fake.until(is_so)
        await self.fake.until_delivered()
        await self.show()


async def play(scene: Scene) -> None:
    fake, emulator = scene.fake, scene.emulator
    scene.remark("Ann asks, and the avatar answers.")
    await fake.say("Ann", "Do you have these shoes in blue?")
    await scene.until("blue ones in 38")

    scene.remark("She wants a person. The operators get what was said so far.")
    await fake.say("Ann", "human")
    await scene.until("Your place in the queue", "so far:")

    scene.remark("Carol takes the conversation. From here on nothing goes to the avatar.")
    await fake.act(1, "take")
    await scene.until("Carol has joined")
    await fake.say("Ann", "My last order never came.")
    await fake.act(1, "reply", "I am sorry. I send it again today.")
    await scene.until("again today")

    scene.remark("The owner reads along in the SecondMe app and says something: Carol alone sees it.")
    session = (await emulator.state())["sessions"][0]["sessionId"]
    await emulator.owner_reply(session, "Please add a voucher of 10 euros.")
    await scene.until("voucher of 10")
    await emulator.owner_handback(session)

    scene.remark("Carol gives the conversation back to the avatar.")
    await fake.act(1, "pending")
    await scene.state("1/1", "bot")
    await scene.until("answers again")

    scene.remark("The avatar begins a long story; Carol comes in the middle of it, and it is not said to its end.")
    await fake.say("Ann", "Tell me your story")
    await emulator.wait_until(lambda state: any(session["busy"] for session in state["sessions"]))
    await fake.act(1, "take")
    await scene.state("1/1", "person")
    await fake.act(1, "reply", "Ann, your parcel has just left the house!")
    await scene.until("just left the house")
    await fake.act(1, "resolve")
    await scene.until("conversation is closed")


async def play_late(scene: Scene) -> None:
    scene.remark("Ben asks for a person when no one is there.")
    await scene.fake.say("Ben", "human")
    await scene.until("We are back")


async def export(desk: Desk, emulator: Emulator) -> None:
    print("\n── The transcript of Ann's conversation, as CSV:\n")
    async for text in export_csv(desk.transcript("1/1"), conversation="1/1"):
        print(text.lstrip("\ufeff").rstrip("\r\n"))
    print("\n── … and the first lines of it as JSON:\n")
    written = "".join([text async for text in export_json(desk.transcript("1/1"), conversation="1/1")])
    print("\n".join(written.splitlines()[:3]), "\n  …")
    entries = (await emulator.journal())["entries"]
    sent = [one for one in entries if one.get("call") == "message/send" and one["what"] == "request"]
    print("\n── All that the avatar was ever told, as the service's journal has it:\n")
    for one in sent:
        print(f"    {one['body']['data']['content']}")


@contextlib.asynccontextmanager
async def desk_at(fake: FakeChatwoot, emulator: Emulator, hours: BusinessHours | None) -> AsyncIterator[Desk]:
    account = fake.accounts[0]
    secrets = (account["botSecret"], account["webhookSecret"])
    connector = ChatwootConnector(fake.url, [ChatwootAccount(account["id"], account["botToken"], secrets)])
    with tempfile.TemporaryDirectory() as folder:
        async with (
            emulator.client(store=f"{folder}/desk.db") as client,
            Desk(client, platform="chatwoot", connector=connector, hours=hours, owner_name="Ada") as desk,
            served(connector) as url,
        ):
            await fake.control("webhook", url=url)
            yield desk


async def main() -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as script:
        script.write(SCRIPT % STORY)
        script.flush()
        async with Emulator("--brain", script.name) as emulator, fake_chatwoot() as fake:
            async with desk_at(fake, emulator, None) as desk:
                await play(Scene(fake, desk, emulator))
                await export(desk, emulator)
            tomorrow = DAYS[(datetime.now(timezone.utc) + timedelta(days=1)).weekday()]
            closed = BusinessHours("UTC", {tomorrow: "09:00-18:00"})
            async with desk_at(fake, emulator, closed) as desk:
                scene = Scene(fake, desk, emulator)
                scene._shown[1] = 10_000
                await play_late(scene)
    print("\nWhat each of them sees, the states and the export: docs/desk.md")


if __name__ == "__main__":
    asyncio.run(main())
