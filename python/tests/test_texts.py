"""Texts that are no UTF-8: the half of a surrogate pair that cutting a text can leave."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secondme_avatar import AvatarClient, Conversation, MisuseError, Visitor, sync
from secondme_avatar.testing import Emulator

HALF = "my secret \ud83d"

VISITORS: list[Callable[[], Any]] = [
    lambda: Visitor.for_user(HALF, "u"),
    lambda: Visitor.for_user("web", HALF),
    lambda: Visitor.for_user("web", "u", name=HALF),
    lambda: Visitor.for_user("web", "u", channel=HALF),
    lambda: Visitor.for_user("web", "u", tag=HALF),
    lambda: Visitor.parse(HALF),
    lambda: Visitor.random("web", name=HALF),
]

OPTIONS = ["api_key", "base_url", "proxy", "ca_file", "delivery", "store"]


def is_said(error: MisuseError) -> bool:
    return "surrogate pair, at index 10" in error.message and "my secret" not in error.message


@pytest.mark.parametrize("make", VISITORS)
def test_a_visitor_of_half_a_character_is_misuse(make: Callable[[], Any]) -> None:
    with pytest.raises(MisuseError) as failed:
        make()
    assert is_said(failed.value)


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_of_half_a_character_is_misuse(name: str) -> None:
    with pytest.raises(MisuseError) as failed:
        AvatarClient(**{"api_key": "sk-test", name: HALF})  # type: ignore[arg-type]
    assert is_said(failed.value)
    assert name == "api_key" or f"`{name}`" in failed.value.message


async def test_half_a_character_is_never_sent(client: AvatarClient, chat: Conversation, emulator: Emulator) -> None:
    for call in (
        lambda: chat.ask(HALF),
        lambda: chat.send(HALF),
        lambda: chat.send(HALF, durable=True),
        lambda: anext(chat.stream(HALF)),
        lambda: chat.history(before=HALF),
        lambda: client.backup(HALF),
    ):
        with pytest.raises(MisuseError) as failed:
            await call()
        assert is_said(failed.value)
    assert "message/send" not in (await emulator.state())["calls"]


def test_half_a_character_is_never_sent_without_asyncio(emulator: Emulator) -> None:
    with sync.AvatarClient() as client:
        chat = client.open(Visitor.for_user("test", "ada"))
        for call in (chat.ask, chat.send, chat.stream, lambda text: chat.history(before=text)):
            with pytest.raises(MisuseError) as failed:
                call(HALF)
            assert is_said(failed.value)


def test_a_key_that_is_no_utf_8_in_the_environment_is_misuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SECONDME_API_KEY", "sk-\udcff")
    with pytest.raises(MisuseError, match="not UTF-8"):
        AvatarClient()


@pytest.mark.skipif(os.name == "nt", reason="paths are Unicode there")
def test_a_path_may_be_of_any_bytes(emulator: Emulator, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.db"
    asyncio.run(emulator.client(store=os.fsdecode(path)).close())
    assert os.path.exists(path)
