"""Many messages of many people through a bot as it stands, while much goes wrong; the bot is killed in the middle."""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from fakes import Bot, Platform, platform
from secondme_avatar.testing import Emulator

SIZES = {"slack": "20x5", "feishu": "5x5", "dingtalk": "6x5"}
"""How many people, and how many messages of each. ``BARS=100x10`` is a thousand messages of a hundred people (``make
bars``)."""


@pytest.mark.parametrize("name", ["slack", "feishu", "dingtalk"])
async def test_every_message_is_answered_once_in_order_and_to_the_one_who_asked(
    name: str, emulator: Emulator, tmp_path: Path
) -> None:
    people, each = (int(number) for number in os.environ.get("BARS", SIZES[name]).split("x"))
    users = [f"User{number}" for number in range(people)]
    expected = {user: [f"You said: {question(user, number)}" for number in range(each)] for user in users}
    emulator.sync.settings(piece_delay="2ms", reply_delay="5ms")
    emulator.sync.fault(
        {"at": "message/send", "do": "cut-after", "times": 10},
        {"at": "message/send", "do": "cut-before", "times": 10},
        {"at": "message/send", "do": {"status": 503}, "times": 10},
    )
    async with platform(name) as place:
        bot = Bot(place, emulator, tmp_path)
        bot.start()
        began, killed_at = time.monotonic(), 0
        try:
            await place.say("first", "Are you there?")
            await place.until(lambda shown: shown.get("first"), 120)
            for number in range(each):
                await asyncio.gather(*(place.say(user, question(user, number)) for user in users))
                await trouble(place, number)
                if number == each // 2:
                    # What a platform delivers again comes later than what was said after it.
                    await place.until_delivered()
                    bot.kill()
                    killed_at = sum(map(len, (await place.shown()).values()))
                    bot.start()
            await place.until(lambda shown: sum(len(shown[user]) for user in users) >= people * each, 300)
            took = time.monotonic() - began
            # What would be too much comes within the time in which the platform delivers again.
            await place.fault(redeliver="all")
            await place.say("last", "The end")
            shown = await place.until(lambda shown: shown.get("last"), 120)
        except BaseException:
            print(bot.log[-4000:])
            raise
        finally:
            bot.kill()
        calls = await place.look("calls")
        del shown["first"], shown["last"]
        wrong = [(user, shown[user]) for user in users if shown[user] != expected[user]]
        assert not wrong, f"{len(wrong)} people, such as {wrong[0]}"
        assert shown == expected
    figures = {
        "bot": f"Python, {name}",
        "messages": people * each,
        "people": people,
        "seconds": round(took, 1),
        "kills": 1,
        "repeats": 0,
        "shownBeforeKill": killed_at,
        "calls": calls["total"],
        "perSecond": calls["most"]["perSecond"],
    }
    note(figures)


def note(figures: dict[str, Any]) -> None:
    print(f"\n{json.dumps(figures)}")
    if file := os.environ.get("BARS_FIGURES"):
        with Path(file).open("a") as lines:
            lines.write(f"{json.dumps(figures)}\n")


def question(user: str, number: int) -> str:
    return f"{user} says the secret word {user}-{'abcdefghij'[number % 10]}, number {number}"


CALLS = {
    "slack": ("chat.startStream", "chat.appendStream", "chat.stopStream", "chat.postMessage"),
    "feishu": ("message.create", "card.create", "card.content"),
    "dingtalk": ("card.create", "card.deliver", "card.update"),
}


async def trouble(place: Platform, number: int) -> None:
    """What goes wrong after this round."""
    await place.fault(duplicate=5)
    for name in CALLS[place.name]:
        match number % 5:
            case 1:
                await place.fault(status=429, times=3, retryAfter=0.2, name=name)
            case 2:
                await place.fault(cut="after", times=3, name=name)
            case 3:
                await place.fault(cut="before", times=3, name=name)
    if number % 5 == 3:
        await place.fault(dropAcks=3)
    if number % 5 == 4:
        await place.fault(cutSockets=True)
