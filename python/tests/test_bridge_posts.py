"""What a bridge does with messages of the platform whose fate is not known or that take nothing more, and by which keys
a platform recognises them, against the emulator and a platform in memory."""

import asyncio
from collections import deque
from pathlib import Path

import pytest
from test_bridge_restart import ADA, bridged, killed, said

from place import DraftExpired, Place, Shown
from secondme_avatar.bridge import (
    Bridge,
    ErrorContext,
    IncomingMessage,
    Limits,
    PlatformUser,
    PostDetails,
    Undeliverable,
)
from secondme_avatar.bridge import _telling as telling
from secondme_avatar.bridge._sentences import sentences
from secondme_avatar.testing import Emulator

TEXT = "one two three four five six seven eight nine ten"
WHOLE = f"You said: {TEXT}"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails is tried again soon."""
    monkeypatch.setattr(telling, "_FIRST_WAIT", 0.001)


class Recognising(Place):
    """Gives the message back that it has of a key."""

    async def post(self, address: str, text: str, details: PostDetails) -> str | None:
        for shown in self.messages:
            if shown.key == details.key:
                return shown.handle
        return await super().post(address, text, details)


class Expiring(Place):
    """Has messages that take nothing more once they are there."""

    async def called(self, name: str) -> None:
        await super().called(name)
        await asyncio.sleep(0)
        if name in ("update", "finish"):
            raise DraftExpired


class Behind(Place):
    """Has a clock that is 30 s behind."""

    def _add(self, address: str, text: str, key: str) -> Shown:
        shown = super()._add(address, text, key)
        shown.at -= 30
        return shown


async def test_the_message_in_the_place_of_one_that_was_given_up_has_its_own_key(
    emulator: Emulator, tmp_path: Path
) -> None:
    place = Recognising(Limits(max_chars=4000, update_interval=0.01))
    emulator.sync.settings(piece_delay="100ms")
    async with bridged(emulator, place, tmp_path) as (client, bridge):
        await bridge.receive(said("1", TEXT))
        await place.until(lambda place: place.messages and len(place.messages[0].texts) > 2)
        await killed(bridge, client)
    place.failures = {"finish": deque([OSError("not now")] * 6)}
    async with bridged(emulator, place, tmp_path) as (_, bridge):
        await bridge.idle()
    assert not place.failures["finish"]
    assert place.texts()[-1] == WHOLE
    assert len({shown.key for shown in place.messages}) == len(place.messages) == 2


async def test_a_message_that_stays_expired_is_found_again_once(emulator: Emulator, tmp_path: Path) -> None:
    place = Expiring()
    emulator.sync.settings(piece_delay="30ms")
    async with asyncio.timeout(30), bridged(emulator, place, tmp_path) as (_, bridge):
        await bridge.receive(said("1", TEXT))
        await bridge.idle()
    assert "".join(place.texts()) == WHOLE
    names = [name for name, _ in place.calls]
    assert names.count("reopen") <= len(place.messages)
    assert names.count("update") <= len(place.messages)
    assert names.count("finish") <= 2 * len(place.messages)


async def test_a_message_that_has_expired_once_is_finished_and_grows_no_more(
    emulator: Emulator, tmp_path: Path
) -> None:
    place = Place()
    place.failures = {"update": deque([DraftExpired()])}

    async def called(name: str) -> None:
        place.calls.append((name, 0))
        if place.failures.get(name):
            raise place.failures[name].popleft()

    place.called = called  # type: ignore[method-assign]
    emulator.sync.settings(piece_delay="30ms")
    async with bridged(emulator, place, tmp_path) as (_, bridge):
        await bridge.receive(said("1", TEXT))
        await bridge.idle()
    assert place.texts() == [WHOLE]
    assert [name for name, _ in place.calls] == ["open", "update", "reopen", "finish"]


async def test_a_post_whose_answer_was_lost_is_found_where_the_platform_s_clock_is_behind(
    emulator: Emulator, tmp_path: Path
) -> None:
    place = Behind(can_open=False, can_tell_recent=True)
    place.after = {"post": deque([OSError("the answer is lost")])}
    async with bridged(emulator, place, tmp_path) as (_, bridge):
        await bridge.receive(said("1", "Hello"))
        await bridge.idle()
    assert place.texts() == ["You said: Hello"]


async def test_messages_of_two_people_under_one_id_have_two_keys(emulator: Emulator, tmp_path: Path) -> None:
    place = Place(can_open=False)
    async with bridged(emulator, place, tmp_path) as (_, bridge):
        for user in ("ada", "bob"):
            await bridge.receive(IncomingMessage(id="1", user=PlatformUser(user), address=user, text="Hello"))
        await bridge.idle()
    assert len({details.key for details in place.details}) == len(place.messages) == 2


@pytest.mark.usefixtures("looks_often")
@pytest.mark.parametrize(("length", "is_told"), [(200, True), (2000, False)])
async def test_a_long_id_gives_the_same_key_after_a_restart(
    emulator: Emulator, tmp_path: Path, length: int, is_told: bool
) -> None:
    place, id = Place(can_open=False), "好" * (length // 3)
    never, troubles = asyncio.Event(), list[ErrorContext]()
    async with bridged(emulator, place, tmp_path) as (client, bridge):
        place.answers = lambda _: never
        await bridge.receive(said(id, "Hello"))
        await place.until(lambda place: place.messages)
        await killed(bridge, client)
    place.answers, place.failures = lambda _: None, {"post": deque([OSError("not now"), Undeliverable("no such room")])}
    async with bridged(emulator, place, tmp_path, on_error=lambda _, at: troubles.append(at)) as (_, bridge):
        assert not await bridge.receive(said(id, "Hello"))
        await bridge.idle()
    assert (troubles[-1].message_id == id) is is_told
    assert len(place.details) == 3
    assert len({details.key for details in place.details}) == 1


@pytest.mark.usefixtures("looks_often")
async def test_a_question_on_its_way_when_the_owner_takes_over_waits_for_the_owner_s_deadline(
    emulator: Emulator,
) -> None:
    place = Place()
    async with emulator.client(owner_deadline=0.3) as client, Bridge(client, platform="test", outlet=place) as bridge:
        await bridge.receive(said("1", "Hello"))
        await bridge.idle()
        # The service takes it when the owner has spoken.
        emulator.sync.fault({"at": "message/send", "do": {"status": 503}})
        await bridge.receive(said("2", "Are you there?"))
        async with asyncio.timeout(30):
            while not [entry for entry in (await emulator.journal())["entries"] if entry["what"] == "fault"]:
                await asyncio.sleep(0)
            await emulator.owner_reply(await client.open(ADA), "I take this one")
            await bridge.idle()
    assert set(place.texts()) == {
        "You said: Hello",
        sentences("en", {}).taken_over.replace("{owner}", bridge.avatar_name),
        f"👤 {bridge.avatar_name}, in person:\nI take this one",
    }
    assert len(place.messages) == 3
