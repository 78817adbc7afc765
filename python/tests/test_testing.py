"""What bot authors test with."""

import os
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from secondme_avatar import AvatarClient, DisconnectedEvent, NoticeEvent, ServiceErrorEvent, UnknownEvent, Visitor, sync
from secondme_avatar.testing import Emulator, EmulatorError, SyncEmulator
from waiting import until

ADA = Visitor.for_user("test", "ada")
ROOT = Path(__file__).parents[2]
PAGES = [(ROOT / page).read_text(encoding="utf-8") for page in ("python/README.md", "docs/testing-your-bot.md")]
pytest_plugins = ["pytester"]


async def test_the_whole_control_api(avatar_emulator: Emulator) -> None:
    emulator = avatar_emulator
    async with emulator.client() as client:
        chat = await client.open(ADA)
        events = chat.events()
        await emulator.push(chat, hint="The avatar is not sure.")
        assert (await until(events, NoticeEvent)).text == "The avatar is not sure."
        await emulator.push(chat.session_id or "", failure={"code": "session.openai.error", "reason": "Down"})
        failure = await until(events, ServiceErrorEvent)
        assert (failure.code, failure.reason, failure.actions) == ("session.openai.error", "Down", ())
        await emulator.push(chat, frame={"type": "news"})
        assert '"news"' in ((await until(events, UnknownEvent)).raw or "")

        await emulator.owner_takeover(chat)
        await emulator.owner_handback(chat)
        assert (await emulator.settings())["reply-delay"] == "0ms"
        assert (await emulator.settings(reply_delay="2ms"))["reply-delay"] == "2ms"
        assert (await emulator.settings())["reply-delay"] == "2ms"
        assert (await chat.ask("Hello")).text == "You said: Hello"
        await emulator.advance(1)

        (fault,) = await emulator.fault({"at": "call", "do": "refuse", "times": 3})
        assert (await emulator.faults())[0]["id"] == fault
        await emulator.clear_faults()
        assert await emulator.faults() == []

        journal = await emulator.journal()
        assert journal["entries"][0]["call"] == "auth"
        await emulator.close_sockets(abrupt=True)
        await until(events, DisconnectedEvent)
        assert (await emulator.journal(journal["next"], wait=1))["entries"]
        await emulator.reset()
        assert (await emulator.state())["sessions"] == []
        with pytest.raises(EmulatorError, match="control"):
            await emulator.call("POST", "owner/reply", {})
        with pytest.raises(EmulatorError, match="did not come"):
            await emulator.wait_until(lambda state: False, patience=0)


async def test_an_emulator_is_set_up_and_ends() -> None:
    async with Emulator("--brain", "demo", settings={"reply_delay": "2ms"}) as emulator:
        assert emulator.base_url in repr(emulator)
        assert emulator.control_url.endswith("/_emulator")
        with pytest.raises(EmulatorError, match="already"):
            await emulator.start()
    with pytest.raises(EmulatorError, match="does not run"):
        await emulator.state()


def test_an_emulator_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(EmulatorError, match="--nonsense"):
        SyncEmulator("--nonsense").start()
    monkeypatch.delenv("SECONDME_AVATAR_EMULATOR")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmulatorError, match="install the package secondme-avatar-emulator"):
        SyncEmulator().start()


def test_an_emulator_does_not_outlive_its_parent(script: Callable[[str], list[str]]) -> None:
    program = script("""
from secondme_avatar.testing import SyncEmulator
emulator = SyncEmulator()
emulator.start()
print(emulator.control_url, flush=True)
input()
""")
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = urlsplit(process.stdout.readline().strip())
        process.kill()
    while is_there(address.hostname or "", address.port or 0):
        pass


def is_there(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port)).close()
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:
        # Its port closed while it was being connected to: the next attempt tells.
        return True
    return True


def test_the_emulator_is_found_in_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secondme-avatar-emulator").symlink_to(os.environ["SECONDME_AVATAR_EMULATOR"])
    monkeypatch.delenv("SECONDME_AVATAR_EMULATOR")
    monkeypatch.setenv("PATH", str(tmp_path))
    with SyncEmulator() as emulator, emulator.client() as client:
        assert isinstance(client, sync.AvatarClient)
        assert client.open(ADA).opening


def test_the_fixture_serves_a_bot_s_own_tests(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("pytest_plugins = ['secondme_avatar.testing.pytest_plugin']")
    for number, page in enumerate(PAGES):
        (shown,) = (text for text in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def test_" in text)
        pytester.makepyfile(**{f"test_page_{number}": shown})
    pytester.makepyfile("""
        from secondme_avatar import Visitor, sync

        def test_sync(avatar_emulator):
            with sync.AvatarClient() as client:
                client.open(Visitor.for_user("test", "ada"))
            assert avatar_emulator.sync.state()["calls"]["auth"] == 1
    """)
    result = pytester.runpytest_subprocess(timeout=60)
    result.assert_outcomes(passed=3)


async def test_the_fixture_leads_any_client_to_the_emulator(avatar_emulator: Emulator) -> None:
    async with AvatarClient() as client:
        await client.open(ADA)
    assert (await avatar_emulator.state())["calls"]["auth"] == 1
