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
from scenes import SCRIPT, States, export, remark, show  # noqa: E402
from secondme_avatar.desk import BusinessHours, Desk  # noqa: E402
from secondme_avatar.desk.chatwoot import ChatwootAccount, ChatwootConnector  # noqa: E402
from secondme_avatar.testing import Emulator  # noqa: E402

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Scene:
    """What is said and shown, as it comes."""

    def __init__(self, fake: FakeChatwoot, desk: Desk, emulator: Emulator) -> None:
        self.fake, self.desk, self.emulator = fake, desk, emulator
        self._states = States(desk)
        self._shown: dict[int, int] = {}

    def passes_over(self, conversation: int) -> None:
        """Shows nothing of a conversation that was shown before."""
        self._shown[conversation] = 10_000

    async def show(self) -> None:
        """Prints what has come since."""
        for chat in (await self.fake.look("chats"))["chats"]:
            messages = [one for one in chat["messages"] if one["kind"] != "activity"]
            for message in messages[self._shown.get(chat["number"], 0) :]:
                self._print(chat["name"], message)
            self._shown[chat["number"]] = max(len(messages), self._shown.get(chat["number"], 0))
        await self._states.show()

    def _print(self, visitor: str, message: dict[str, Any]) -> None:
        name = message["name"]
        if message["private"]:
            show("note", f"{name} to operators only", message["text"])
        elif message["kind"] == "incoming":
            show("visitor", f"{name} (visitor)", message["text"])
        else:
            show("avatar" if name == "Avatar" else "operator", f"{name} → {visitor}", message["text"])

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
            view = await self.desk.find(conversation)
            return view is not None and view.state == state

        await self.fake.until(is_so)
        await self.fake.until_delivered()
        await self.show()


async def play(scene: Scene) -> None:
    fake, emulator = scene.fake, scene.emulator
    remark("Ann asks, and the avatar answers.")
    await fake.say("Ann", "Do you have these shoes in blue?")
    await scene.until("blue ones in 38")

    remark("She wants a person. The operators get what was said so far.")
    await fake.say("Ann", "human")
    await scene.until("Your place in the queue", "so far:")

    remark("Carol takes the conversation. From here on nothing goes to the avatar.")
    await fake.act(1, "take")
    await scene.until("Carol has joined")
    await fake.say("Ann", "My last order never came.")
    await fake.act(1, "reply", "I am sorry. I send it again today.")
    await scene.until("again today")

    remark("The owner reads along in the SecondMe app and says something: Carol alone sees it.")
    session = (await emulator.state())["sessions"][0]["sessionId"]
    await emulator.owner_reply(session, "Please add a voucher of 10 euros.")
    await scene.until("voucher of 10")
    await emulator.owner_handback(session)

    remark("Carol gives the conversation back to the avatar.")
    await fake.act(1, "pending")
    await scene.state("1/1", "bot")
    await scene.until("answers again")

    remark("The avatar begins a long story; Carol comes in the middle of it, and it is not said to its end.")
    pushed = said_by_avatar(await emulator.state())
    await fake.say("Ann", "Tell me your story")
    await emulator.wait_until(lambda state: said_by_avatar(state) > pushed + 6)
    await fake.act(1, "take")
    await scene.state("1/1", "person")
    await fake.act(1, "reply", "Ann, your parcel has just left the house!")
    await scene.until("just left the house")
    await fake.act(1, "resolve")
    await scene.until("conversation is closed")


def said_by_avatar(state: dict[str, Any]) -> int:
    """How many pieces came from the service."""
    return sum(socket["pushed"] for socket in state["sockets"])


async def play_late(scene: Scene) -> None:
    remark("Ben asks for a person when no one is there.")
    await scene.fake.say("Ben", "human")
    await scene.until("We are back")


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
        script.write(SCRIPT)
        script.flush()
        async with Emulator("--brain", script.name) as emulator, fake_chatwoot() as fake:
            async with desk_at(fake, emulator, None) as desk:
                await play(Scene(fake, desk, emulator))
                await export(desk, "1/1", emulator)
            tomorrow = DAYS[(datetime.now(timezone.utc) + timedelta(days=1)).weekday()]
            closed = BusinessHours("UTC", {tomorrow: "09:00-18:00"})
            async with desk_at(fake, emulator, closed) as desk:
                scene = Scene(fake, desk, emulator)
                scene.passes_over(1)
                await play_late(scene)
    print("\nWhat each of them sees, the states and the export: docs/desk.md")


if __name__ == "__main__":
    asyncio.run(main())
