"""What a visitor and an operator can rely on, against the emulator and a platform in memory."""

from collections import deque
from pathlib import Path

from room import BOB, Room, asked, desk_of
from secondme_avatar.testing import Emulator

LONG = "one two three four five six seven eight nine ten eleven twelve"
ENDED = "(Ended here: a person takes over.)"


async def test_the_avatar_answers_until_an_operator_takes_it(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", "Hello", name="Ada")
        await desk.idle()
        assert room.texts() == ["You said: Hello"]
        assert await desk.taken("c1", "t1", BOB)
        await desk.visitor_said("c1", "2", "Are you a person?")
        await desk.operator_said("c1", "3", "Yes", BOB)
        await desk.idle()
        assert room.texts()[1:] == ["Bob has joined and answers you in person."]
        await desk.handed_back("c1", "b1", BOB)
        await desk.idle()
        await desk.visitor_said("c1", "4", "And now?")
        await desk.idle()
        assert room.texts()[2:] == ["Bob has left.", "My Assistant answers again.", "You said: And now?"]
        assert await asked(emulator) == ["Hello", "And now?"]
        lines = [(line.author, line.text) async for line in desk.transcript("c1")]
    assert [author for author, _ in lines] == [
        "visitor",
        "avatar",
        "desk",
        "visitor",
        "operator",
        "desk",
        "desk",
        "visitor",
        "avatar",
    ]


async def test_a_takeover_in_mid_stream_ends_the_reply_where_it_stands(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    emulator.sync.settings(piece_delay="60ms")
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", LONG)
        await desk.visitor_said("c1", "2", "and this waits")
        await room.until(lambda room: room.seen and len(room.seen[0].texts) > 2)
        await desk.taken("c1", "t1", BOB)
        at_once = room.seen[0].text
        await room.until(lambda room: room.seen[0].text.endswith(ENDED))
        shown = room.seen[0].text.removesuffix("\n\n" + ENDED)
        assert shown.startswith("You said: one")
        assert len(shown) < len("You said: " + LONG)
        assert len(shown) <= len(at_once) + 12
        await desk.idle()
        assert room.texts()[1:] == ["Bob has joined and answers you in person."]
        assert await asked(emulator) == [LONG]
        await desk.handed_back("c1", "b1", BOB)
        await desk.visitor_said("c1", "3", "again")
        await desk.idle()
        assert room.texts()[-1] == "You said: again"
        assert await asked(emulator) == [LONG, "again"]
        ended = [line async for line in desk.transcript("c1") if line.is_ended]
        assert len(ended) == 1
        assert ended[0].author == "avatar"


async def test_an_end_that_the_platform_does_not_take_at_once_is_not_lost(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    emulator.sync.settings(piece_delay="150ms")
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", LONG)
        await room.until(lambda room: room.seen and len(room.seen[0].texts) > 2)
        room.failures["edit"] = deque([ConnectionError("away")] * 4)
        await desk.taken("c1", "t1", BOB)
        await desk.idle()
        ended, joined = room.texts()
        assert ended.endswith(ENDED)
        assert joined == "Bob has joined and answers you in person."
        assert not room.failures["edit"]
