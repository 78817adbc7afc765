"""Matrix: a desk over a real Synapse, with matrix-nio as visitors and operators."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from matrix_people import Person
from room import asked
from secondme_avatar.desk import Desk
from secondme_avatar.desk.matrix import MatrixConnector
from secondme_avatar.testing import Emulator
from synapse_server import Synapse

ENDED = "(Ended here: a person takes over.)"
JOINED = "Bob has joined and answers you in person."


@pytest.fixture(scope="module")
def synapse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    server = Synapse(tmp_path_factory.mktemp("synapse"))
    server.start()
    yield server
    server.stop()


class Scene:
    """A staff room with its operators, and a desk."""

    def __init__(self, synapse: Synapse, emulator: Emulator, path: Path, number: int) -> None:
        self.synapse, self.emulator, self.path, self.number = synapse, emulator, path, number
        self.stack = AsyncExitStack()
        self.bot, self.token = synapse.register(f"bot{number}")

    async def person(self, name: str) -> Person:
        person = Person(self.synapse, f"{name}{self.number}")
        self.stack.push_async_callback(person.close)
        await person.client.set_displayname(name.capitalize())
        return person

    async def staff(self, *operators: Person) -> str:
        first, *others = operators
        self.room = await first.room_with(self.bot, *(other.id for other in others))
        for other in others:
            await other.join(self.room)
        return self.room

    @asynccontextmanager
    async def desk(self, **matrix: Any) -> AsyncIterator[Desk]:
        matrix = {"access_token": self.token, "staff_room": self.room, "update_interval": 0.05, **matrix}
        connector = MatrixConnector(self.synapse.url, self.bot, **matrix)
        async with (
            self.emulator.client(store=self.path / "desk.db") as client,
            Desk(client, platform="matrix", connector=connector) as desk,
        ):
            yield desk


_NUMBER = iter(range(1000))


@pytest_asyncio.fixture
async def scene(synapse: Synapse, emulator: Emulator, tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(synapse, emulator, tmp_path, next(_NUMBER))
    async with scene.stack:
        yield scene


async def test_a_visitor_an_operator_and_the_avatar_share_a_room(scene: Scene) -> None:
    bob, ada = await scene.person("bob"), await scene.person("ada")
    staff = await scene.staff(bob)
    async with scene.desk():
        room = await ada.room_with(scene.bot)
        await ada.say(room, "Hello")
        await ada.until(lambda ada: "You said: Hello" in ada.texts(room, scene.bot))
        await ada.say(room, "!human")
        await ada.until(lambda ada: any("place in the queue: 1" in text for text in ada.texts(room, scene.bot)))
        root = await bob.until(lambda bob: next((m for m in bob.rooms[staff].values() if "Ada waits" in m.text), None))
        note = await bob.until(lambda bob: next((m for m in bob.rooms[staff].values() if m.thread == root.id), None))
        assert "Ada: Hello" in note.text
        assert "My Assistant: You said: Hello" in note.text
        await bob.react(staff, root.id, "👍")
        await bob.join(room)
        await bob.say(room, "How can I help?")
        await ada.say(room, "My order is broken")
        await ada.until(lambda ada: JOINED in ada.texts(room, scene.bot))
        await bob.until(lambda bob: "Bob has it" in bob.rooms[staff][root.id].text)
        session = (await scene.emulator.state())["sessions"][0]["sessionId"]
        await scene.emulator.owner_reply(session, "I send a new one")
        await bob.until(lambda bob: any("I send a new one" in text for text in bob.texts(staff)))
        await scene.emulator.owner_handback(session)
        await bob.say(room, "!back")
        await ada.until(lambda ada: "Bob has left." in ada.texts(room, scene.bot))
        await ada.say(room, "Thank you")
        await ada.until(lambda ada: "You said: Thank you" in ada.texts(room, scene.bot))
        assert await asked(scene.emulator) == ["Hello", "Thank you"]
        assert not any("I send a new one" in text for text in ada.texts(room))


async def test_what_was_said_while_the_desk_was_away_is_answered_in_order(scene: Scene) -> None:
    bob, ada = await scene.person("bob"), await scene.person("ada")
    await scene.staff(bob)
    async with scene.desk():
        room = await ada.room_with(scene.bot)
        await ada.say(room, "Hello")
        await ada.until(lambda ada: "You said: Hello" in ada.texts(room, scene.bot))
    # More than one answer of the server's holds: the rest is fetched.
    said = [f"question {number}" for number in range(40)]
    for text in said:
        await ada.say(room, text)
    async with scene.desk():
        await ada.until(lambda ada: ada.texts(room, scene.bot)[-1] == f"You said: {said[-1]}", 300)
    assert ada.texts(room, scene.bot) == ["You said: Hello", *(f"You said: {text}" for text in said)]
    assert await asked(scene.emulator) == ["Hello", *said]


async def test_only_welcome_people_bring_the_bot_into_a_room(scene: Scene) -> None:
    bob, ada, eve = [await scene.person(name) for name in ("bob", "ada", "eve")]
    await scene.staff(bob)
    async with scene.desk(may_invite=lambda user: user != eve.id):
        refused = await eve.room_with(scene.bot)
        await eve.say(refused, "Let me in")
        room = await ada.room_with(scene.bot)
        await ada.say(room, "Hello")
        await ada.until(lambda ada: "You said: Hello" in ada.texts(room, scene.bot))
        await eve.until(lambda eve: eve.left.get(refused) == {scene.bot})
    assert await asked(scene.emulator) == ["Hello"]


async def test_what_is_no_text_or_cannot_be_read_is_said_once(scene: Scene) -> None:
    bob, ada = await scene.person("bob"), await scene.person("ada")
    await scene.staff(bob)
    async with scene.desk() as desk:
        room = await ada.room_with(scene.bot)
        for number in range(2):
            await ada.say(room, "picture.png", msgtype="m.image", url=f"mxc://desk.test/{number}")
        await ada.say(room, "Hello")
        await ada.until(lambda ada: "You said: Hello" in ada.texts(room, scene.bot))
        only_text = "I can only read text here. Please write what you would like to say."
        assert ada.texts(room, scene.bot) == [only_text, "You said: Hello"]
        encryption = {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
        secret = await ada.room_with(scene.bot, initial_state=[encryption])
        await ada.until(lambda ada: any("This room is encrypted" in text for text in ada.texts(secret, scene.bot)))
        await desk.idle()
        assert len(ada.texts(secret, scene.bot)) == 1


async def test_operators_command_in_the_thread_and_write_notes_there(scene: Scene) -> None:
    bob, eve, ada = [await scene.person(name) for name in ("bob", "eve", "ada")]
    staff = await scene.staff(bob, eve)
    async with scene.desk() as desk:
        room = await ada.room_with(scene.bot)
        await ada.say(room, "human")
        root = await bob.until(lambda bob: next((m for m in bob.rooms[staff].values() if "Ada waits" in m.text), None))
        thread = {"m.relates_to": {"rel_type": "m.thread", "event_id": root.id}}
        await bob.say(staff, "She ordered twice", **thread)
        await bob.say(staff, "!take", **thread)
        await bob.until(lambda bob: "Ada: Bob has it" in bob.rooms[staff][root.id].text)
        await bob.join(room)
        await eve.say(staff, "!take", **thread)
        await ada.until(lambda ada: "Eve has joined and answers you in person." in ada.texts(room, scene.bot))
        await eve.join(room)
        await eve.say(staff, "!team", **thread)
        await bob.until(lambda bob: "Ada waits for a person, place 1" in bob.rooms[staff][root.id].text)
        await bob.say(staff, "!list")
        await bob.until(lambda bob: sum("Ada waits" in text for text in bob.texts(staff)) == 2)
        await bob.say(staff, "!close")
        await bob.until(lambda bob: any("Which conversation?" in text for text in bob.texts(staff)))
        await bob.say(room, "I have it")
        await bob.until(lambda bob: "Bob has it" in bob.rooms[staff][root.id].text)
        await bob.client.room_leave(room)
        await bob.until(lambda bob: "Ada waits for a person, place 1" in bob.rooms[staff][root.id].text)
        await eve.say(staff, "!close", **thread)
        await ada.until(lambda ada: any("is closed" in text for text in ada.texts(room, scene.bot)))
        await ada.say(room, "One more thing")
        await ada.until(lambda ada: "You said: One more thing" in ada.texts(room, scene.bot))
        notes = [line.text async for line in desk.transcript(room) if line.is_private]
    assert notes == ["She ordered twice"]
    assert await asked(scene.emulator) == ["One more thing"]


async def test_a_server_that_limits_calls_is_given_its_time(
    emulator: Emulator, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = Synapse(tmp_path_factory.mktemp("limited"), rc_message={"per_second": 4, "burst_count": 3})
    server.start()
    try:
        scene = Scene(server, emulator, tmp_path, 0)
        async with scene.stack:
            bob, ada = await scene.person("bob"), await scene.person("ada")
            await scene.staff(bob)
            emulator.sync.settings(piece_delay="50ms")
            async with scene.desk():
                room = await ada.room_with(scene.bot)
                for number in range(3):
                    await ada.say(room, f"one two three four five six seven eight nine ten {number}")
                said = [f"You said: one two three four five six seven eight nine ten {number}" for number in range(3)]
                await ada.until(lambda ada: ada.texts(room, scene.bot) == said)
    finally:
        server.stop()
