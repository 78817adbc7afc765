"""A bot's own tests, offline: install the package, that of the emulator, pytest and pytest-asyncio, then `pytest`."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from secondme_avatar import AvatarClient, Visitor
from secondme_avatar.testing import Emulator
from shop_bot import ShopBot


@pytest_asyncio.fixture
async def bot(avatar_emulator: Emulator) -> AsyncIterator[ShopBot]:
    async with AvatarClient() as client:  # The fixture has said where the emulator is.
        yield ShopBot(client)


@pytest.mark.asyncio
async def test_the_avatar_answers(bot: ShopBot) -> None:
    assert await bot.answer("ada", "What does it cost?") == "You said: What does it cost?"


@pytest.mark.asyncio
async def test_the_owner_answers_in_person(bot: ShopBot, avatar_emulator: Emulator) -> None:
    chat = await bot.client.open(Visitor.for_user("shop", "ada"))
    await avatar_emulator.owner_takeover(chat)  # The avatar keeps quiet from now on.
    answer = asyncio.create_task(bot.answer("ada", "What does it cost?"))
    await avatar_emulator.wait_until(lambda state: state["calls"].get("message/send"))
    await avatar_emulator.owner_reply(chat, "12 €")
    assert await answer == "12 € (in person)"


@pytest.mark.asyncio
async def test_a_question_without_an_answer_is_remembered(bot: ShopBot, avatar_emulator: Emulator) -> None:
    await avatar_emulator.fault({"at": "reply", "do": "drop"})
    answer = asyncio.create_task(bot.answer("ada", "What does it cost?"))
    await avatar_emulator.wait_until(lambda state: state["calls"].get("message/send"))
    bot.client.advance_clock(31)  # The test need not wait for half a minute.
    assert await answer == "I have to look that up."
    assert bot.unanswered == ["What does it cost?"]
