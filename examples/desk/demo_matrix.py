"""A visitor, an operator and the avatar's owner in one scene on Matrix: `make desk-demo ON=matrix`.

SecondMe is the emulator; Synapse is a real one, on this machine, and the people use matrix-nio. The desk is the real
one.
"""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python" / "desk"))

from matrix_people import Message, Person  # noqa: E402
from scenes import SCRIPT, States, export, remark, show  # noqa: E402
from secondme_avatar.desk import Desk  # noqa: E402
from secondme_avatar.desk.matrix import MatrixConnector  # noqa: E402
from secondme_avatar.testing import Emulator  # noqa: E402
from synapse_server import Synapse  # noqa: E402


class Scene:
    """What is said and shown, as it comes."""

    def __init__(self, desk: Desk, emulator: Emulator, bot: str, ann: Person, carol: Person, staff: str) -> None:
        self.desk, self.emulator, self.bot = desk, emulator, bot
        self.ann, self.carol, self.staff = ann, carol, staff
        self.room = ""
        self._states = States(desk)
        self._shown: dict[str, str] = {}

    async def show(self) -> None:
        """Prints what has come since, and what says something else than before."""
        for message in self.ann.rooms[self.room].values():
            if message.sender == self.ann.id:
                self._print("visitor", "Ann (visitor)", message)
            elif message.sender == self.carol.id:
                self._print("operator", "Carol → Ann", message)
            else:
                self._print("avatar", "bot → Ann", message)
        for message in self.carol.rooms[self.staff].values():
            head = "Carol, staff room" if message.sender == self.carol.id else "bot, staff room"
            self._print("note", head, message)
        await self._states.show()

    def _print(self, who: str, head: str, message: Message) -> None:
        if self._shown.get(message.id) != message.text:
            show(who, f"{head}{' (edit)' if message.id in self._shown else ''}", message.text)
            self._shown[message.id] = message.text

    async def ann_reads(self, text: str) -> None:
        """Goes on when Ann sees this."""
        await self.ann.until(lambda ann: any(text in said for said in ann.texts(self.room)))
        await self.show()

    async def carol_reads(self, text: str) -> Message:
        """Goes on when Carol sees this in the staff room, and returns the message."""

        def found(carol: Person) -> Message | None:
            return next((one for one in carol.rooms[self.staff].values() if text in one.text), None)

        message: Message = await self.carol.until(found)
        await self.show()
        return message


async def play(scene: Scene) -> None:
    ann, carol, emulator = scene.ann, scene.carol, scene.emulator
    remark("Ann invites the bot into a room and asks; the avatar answers.")
    scene.room = await ann.room_with(scene.bot)
    await ann.say(scene.room, "Do you have these shoes in blue?")
    await scene.ann_reads("Shall I keep a pair for you?")

    remark("She wants a person. The operators get what was said so far, in the staff room.")
    await ann.say(scene.room, "human")
    await scene.ann_reads("Your place in the queue")
    root = await scene.carol_reads("waits for a person")
    await scene.carol_reads("so far:")

    remark("Carol takes the conversation with 👍. From here on nothing goes to the avatar.")
    await carol.react(scene.staff, root.id, "👍")
    await carol.join(scene.room)
    await scene.ann_reads("Carol has joined")
    await ann.say(scene.room, "My last order never came.")
    await carol.until(lambda carol: "My last order never came." in carol.texts(scene.room))
    await carol.say(scene.room, "I am sorry. I send it again today.")
    await scene.ann_reads("again today")

    remark("The owner reads along in the SecondMe app and says something: Carol alone sees it.")
    session = (await emulator.state())["sessions"][0]["sessionId"]
    await emulator.owner_reply(session, "Please add a voucher of 10 euros.")
    await scene.carol_reads("voucher of 10")
    await emulator.owner_handback(session)

    remark("Carol gives the conversation back to the avatar, from the staff room.")
    await carol.say(scene.staff, "!back", **{"m.relates_to": {"rel_type": "m.thread", "event_id": root.id}})
    await scene.ann_reads("answers again")

    remark("The avatar begins a long story; Carol comes in the middle of it, and it is not said to its end.")
    await ann.say(scene.room, "Tell me your story")
    await ann.until(lambda ann: any("It all began in a small workshop" in text for text in ann.texts(scene.room)))
    await carol.say(scene.room, "Ann, your parcel has just left the house!")
    await scene.ann_reads("a person takes over.)")
    await scene.ann_reads("just left the house")
    await carol.say(scene.staff, "!close", **{"m.relates_to": {"rel_type": "m.thread", "event_id": root.id}})
    await scene.ann_reads("conversation is closed")
    await scene.desk.idle()
    await scene.show()


@contextlib.asynccontextmanager
async def people(synapse: Synapse) -> AsyncIterator[tuple[Person, Person]]:
    ann, carol = Person(synapse, "ann"), Person(synapse, "carol")
    try:
        for person in (ann, carol):
            await person.client.set_displayname(person.name.capitalize())
        yield ann, carol
    finally:
        await ann.close()
        await carol.close()


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile("w", suffix=".yaml") as script:
        script.write(SCRIPT)
        script.flush()
        synapse = Synapse(Path(folder) / "synapse")
        remark("A real Synapse starts on this machine.")
        await asyncio.to_thread(synapse.start)
        try:
            bot, token = synapse.register("avatar")
            async with (
                Emulator("--brain", script.name) as emulator,
                people(synapse) as (ann, carol),
                emulator.client(store=f"{folder}/desk.db") as client,
            ):
                staff = await carol.room_with(bot)
                connector = MatrixConnector(synapse.url, bot, access_token=token, staff_room=staff)
                async with Desk(client, platform="matrix", connector=connector, owner_name="Ada") as desk:
                    scene = Scene(desk, emulator, bot, ann, carol, staff)
                    await play(scene)
                    await export(desk, scene.room, emulator)
        finally:
            await asyncio.to_thread(synapse.stop)
    print("\nWhat each of them sees, the states and the export: docs/desk.md")


if __name__ == "__main__":
    asyncio.run(main())
