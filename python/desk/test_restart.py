"""What a desk goes on with that an earlier one has left, and what comes twice."""

from pathlib import Path

from room import BOB, EVE, Room, asked, desk_of
from secondme_avatar.desk import Desk
from secondme_avatar.testing import Emulator

LONG = " ".join(f"w{number}" for number in range(40))
ENDED = "(Ended here: a person takes over.)"
JOINED = "Bob has joined and answers you in person."


class Later(Room):
    """A platform that tells, at the desk's start, what happened while it was away."""

    async def catch_up(self) -> None:
        # However long this takes, the avatar does not go on before it.
        assert not self.desk._core.bridge._going.is_set()
        await self.desk.taken("c1", "t1", BOB)
        await self.desk.visitor_said("c1", "2", "Bob, are you there?")


async def killed(desk: Desk) -> None:
    """Ends a desk as a kill does: nothing is finished."""
    await desk.close(deadline=0)


async def test_a_takeover_while_the_desk_was_away_ends_the_reply_that_it_was_showing(
    emulator: Emulator, tmp_path: Path
) -> None:
    room = Later()
    emulator.sync.settings(piece_delay="50ms")
    first = Room()
    async with desk_of(emulator, first, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", LONG)
        await first.until(lambda room: room.seen and len(room.seen[0].texts) > 3)
        await killed(desk)
    room.seen, room._keys = first.seen, first._keys
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.idle()
        shown, joined = room.texts()
        assert shown.endswith(f"\n\n{ENDED}")
        assert f"You said: {LONG}".startswith(shown.removesuffix(f"\n\n{ENDED}"))
        assert joined == JOINED
        await desk.handed_back("c1", "b1", BOB)
        await desk.visitor_said("c1", "3", "And now?")
        await desk.idle()
        assert room.texts()[-1] == "You said: And now?"
    assert await asked(emulator) == [LONG, "And now?"]


async def test_who_has_a_conversation_and_who_waits_is_known_after_a_restart(
    emulator: Emulator, tmp_path: Path
) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.taken("c1", "t1", BOB)
        await desk.visitor_said("c2", "1", "human")
        await desk.visitor_said("c3", "1", "human")
        await desk.idle()
        before = {view.conversation: (view.state, view.operator, view.place) for view in desk.views()}
        await killed(desk)
    again = Room()
    async with desk_of(emulator, again, tmp_path) as (desk, _):
        assert {view.conversation: (view.state, view.operator, view.place) for view in desk.views()} == before
        await desk.visitor_said("c1", "1", "Still there?")
        assert not await desk.taken("c1", "t1", BOB)
        await desk.idle()
        assert again.texts("c1") == []
        assert {view.conversation for view in again.views} == {"c1", "c2", "c3"}
    assert await asked(emulator) == []


async def test_what_comes_twice_happens_once_across_restarts(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    for _ in range(2):
        async with desk_of(emulator, room, tmp_path) as (desk, _client):
            assert await desk.visitor_said("c1", "1", "Hello") == (room.texts() == [])
            await desk.idle()
            await desk.taken("c1", "t1", BOB)
            await desk.operator_said("c1", "o1", "Hi", BOB)
            await desk.handed_back("c1", "b1", BOB)
            await desk.idle()
            lines = [(line.author, line.text) async for line in desk.transcript("c1") if line.author != "desk"]
    assert lines == [("visitor", "Hello"), ("avatar", "You said: Hello"), ("operator", "Hi")]
    assert room.texts() == ["You said: Hello", JOINED, "Bob has left.", "My Assistant answers again."]
    assert await asked(emulator) == ["Hello"]


async def test_a_takeover_that_comes_late_again_does_not_undo_the_hand_back(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        assert await desk.taken("c1", "t1", BOB)
        assert await desk.handed_back("c1", "b1", BOB)
        assert not await desk.taken("c1", "t1", BOB)
        view = desk.view("c1")
        assert view is not None
        assert view.state == "bot"


async def test_the_owners_words_are_a_private_note_while_an_operator_has_it(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path, owner_name="Grace") as (desk, _):
        await desk.visitor_said("c1", "1", "Hello")
        await desk.idle()
        await desk.taken("c1", "t1", EVE)
        await desk.idle()
        session = (await emulator.state())["sessions"][0]["sessionId"]
        await emulator.owner_reply(session, "It is in the mail")
        await room.until(lambda room: any("It is in the mail" in text for _, text in room.notes))
        await desk.idle()
        notes = [text for _, text in room.notes if "It is in the mail" in text]
        assert notes == [
            "Grace, the avatar's owner, says in the SecondMe app (the visitor does not see it):\nIt is in the mail"
        ]
        assert not any("It is in the mail" in text for text in room.texts())
        private = [(line.author, line.name, line.text) async for line in desk.transcript("c1") if line.is_private]
        assert private == [("owner", "Grace", "It is in the mail")]
