"""Visitor Chat, the service's second door: an app's token, and a function that gives the tokens of users."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest

from secondme_avatar import (
    AuthenticationError,
    AvatarClient,
    CallReport,
    DeadlineError,
    MisuseError,
    OwnerReplyEvent,
    RefusedError,
    SessionReplacedEvent,
    TokenRequest,
    UnsupportedError,
    Visitor,
    sync,
)
from secondme_avatar.testing import Emulator

ADA = Visitor.for_user("test", "ada")
BOB = Visitor.for_user("test", "bob")


async def test_an_app_opens_cold_and_asks(emulator: Emulator) -> None:
    reports: list[CallReport] = []
    async with emulator.visitor_chat(on_call=reports.append) as client:
        chat = await client.open(ADA)
        assert chat.opening
        assert (await chat.ask("Hello")).text == "You said: Hello"
        await client.open(BOB)
        with pytest.raises(UnsupportedError):
            await chat.history()
    steps = [report.step for report in reports]
    assert steps[:3] == ["fetch_token", "init_visitor_chat", "connect"]
    assert sorted(steps[3:]) == ["connect", "init_visitor_chat", "send_message"], "one token serves all visitors"


async def test_the_environment_says_what_is_left_out(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECONDME_CLIENT_ID", emulator.client_id)
    monkeypatch.setenv("SECONDME_CLIENT_SECRET", emulator.client_secret)
    monkeypatch.setenv("SECONDME_API_KEY", emulator.api_key)
    monkeypatch.setenv("SECONDME_BASE_URL", emulator.lab_base_url)
    async with AvatarClient.visitor_chat() as client:
        assert (await (await client.open(ADA)).ask("Hello")).text == "You said: Hello"
    monkeypatch.delenv("SECONDME_CLIENT_SECRET")
    with pytest.raises(
        MisuseError, match="there is no `client_secret`: put the app's secret into SECONDME_CLIENT_SECRET"
    ):
        AvatarClient.visitor_chat()


async def test_a_subclass_is_made_of_its_own_class(emulator: Emulator) -> None:
    class Own(AvatarClient):
        pass

    async with Own.visitor_chat(
        emulator.client_id, emulator.client_secret, emulator.api_key, base_url=emulator.lab_base_url
    ) as client:
        assert type(client) is Own
        assert vars(client).keys().isdisjoint({"_door"})


@pytest.mark.parametrize("visitor_chat", [AvatarClient.visitor_chat, sync.AvatarClient.visitor_chat])
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"client_id": "", "client_secret": "secret-1"}, "`client_id` is empty"),
        ({"client_id": "app", "client_secret": "a secret-1"}, "`client_secret` has a space"),
        ({"client_id": "app", "client_secret": "sk-1"}, "`client_secret` is the avatar's API key"),
        ({"client_id": "sk-1", "client_secret": "secret-1"}, "`client_id` is the avatar's API key"),
        ({"client_id": "app", "client_secret": 7}, "`client_secret` takes the app's secret as a `str`"),
        ({"client_secret": "secret-1", "token": lambda _: "lba_at_1"}, "pass the one or the other"),
        ({"client_id": "app", "token": lambda _: "lba_at_1"}, "pass the one or the other"),
        ({"token": "lba_at_1"}, "and not the token itself"),
    ],
)
def test_bad_input_is_said_before_anything_is_sent(
    visitor_chat: Callable[..., object], given: dict[str, Any], says: str
) -> None:
    with pytest.raises(MisuseError, match=says) as raised:
        visitor_chat(api_key="sk-1", **given)
    for secret in ("secret-1", "sk-1", "lba_at_1"):
        assert secret not in str(raised.value)


async def test_secrets_are_shown_nowhere(emulator: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = await emulator.issue_user_token("ann")
    seen: list[str] = []
    asked: list[TokenRequest] = []

    def give(request: TokenRequest) -> str:
        asked.append(request)
        return token

    def told(report: CallReport) -> None:
        seen.append(repr(report))

    for client in (emulator.visitor_chat(on_call=told), emulator.visitor_chat(token=give)):
        async with client:
            chat = await client.open(ADA)
            await chat.ask("Hello")
            seen += [repr(client), repr(vars(client)), repr(chat), repr(client._native), repr(client.stats())]
    with pytest.raises(AuthenticationError) as raised:
        async with emulator.visitor_chat(client_secret="wrong-secret") as client:
            await client.open(ADA)
    seen += [repr(raised.value), str(raised.value), repr(asked), caplog.text]
    for secret in (emulator.client_secret, emulator.api_key, token, "wrong-secret"):
        assert secret not in "\n".join(seen)


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_function_gives_the_token_in_the_clients_loop(emulator: Emulator, is_async: bool) -> None:
    token = await emulator.issue_user_token("ann")
    loop, asked = asyncio.get_running_loop(), list[TokenRequest]()

    def plain(request: TokenRequest) -> str:
        assert asyncio.get_running_loop() is loop
        asked.append(request)
        return token

    async def give(request: TokenRequest) -> str:
        await asyncio.sleep(0)
        return plain(request)

    async with emulator.visitor_chat(token=give if is_async else plain) as client:
        chat = await client.open(ADA)
        assert (await chat.ask("Hello")).text == "You said: Hello"
    assert asked == [TokenRequest(ADA.id, False)]


async def test_a_token_that_is_refused_is_asked_for_again(emulator: Emulator) -> None:
    old, new = await emulator.issue_user_token("ann"), await emulator.issue_user_token("ann")
    await emulator.set_chat_tokens("revoked", old)
    asked: list[bool] = []

    async def give(request: TokenRequest) -> str:
        asked.append(request.refused)
        return new if request.refused else old

    async with emulator.visitor_chat(token=give) as client:
        chat = await client.open(ADA)
        assert (await chat.ask("Hello")).text == "You said: Hello"
        assert asked == [False, True]
        await emulator.set_chat_tokens("withdrawn", new)
        with pytest.raises(AuthenticationError) as raised:
            await chat.ask("Again")
        assert raised.value.code == "oauth2.authorization.revoked"
        assert not raised.value.retryable


class Mine(Exception):
    pass


async def test_what_the_function_raises_is_the_cause(emulator: Emulator) -> None:
    mine = Mine("of lba_at_secret")

    async def give(_: TokenRequest) -> str:
        raise mine

    async with emulator.visitor_chat(token=give) as client:
        results = await asyncio.gather(client.open(ADA), client.open(ADA), return_exceptions=True)
    for error in results:
        assert isinstance(error, AuthenticationError)
        assert error.__cause__ is mine
        assert str(error) == "the function that gives the users' tokens has failed: Mine [fetch_token]"
        assert not error.retryable


async def test_an_error_of_ours_keeps_its_kind(emulator: Emulator) -> None:
    ours = RefusedError("no such user", code="mine")

    def give(_: TokenRequest) -> str:
        raise ours

    async with emulator.visitor_chat(token=give) as client:
        with pytest.raises(RefusedError, match="no such user") as raised:
            await client.open(ADA)
    assert raised.value.code == "mine"
    assert raised.value.__cause__ is ours


@pytest.mark.parametrize("token", [None, 7, b"lba_at_1", "", "lba at", "\ud800"])
async def test_what_is_no_token_is_said(emulator: Emulator, token: Any) -> None:
    async with emulator.visitor_chat(token=lambda _: token) as client:
        with pytest.raises(MisuseError):
            await client.open(ADA)


async def test_a_failure_of_the_network_is_tried_again(emulator: Emulator) -> None:
    token, tries = await emulator.issue_user_token("ann"), 0

    async def give(_: TokenRequest) -> str:
        nonlocal tries
        tries += 1
        if tries == 1:
            # As HTTP libraries do: a class of their own, raised from the system's.
            raise Mine from ConnectionResetError()
        return token

    async with emulator.visitor_chat(token=give) as client:
        await client.open(ADA)
    assert tries == 2


async def test_a_slow_function_obeys_the_deadline_and_is_cancelled(emulator: Emulator) -> None:
    cancelled = asyncio.Event()

    async def give(_: TokenRequest) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return ""

    async with emulator.visitor_chat(token=give) as client:
        with pytest.raises(DeadlineError):
            await client.open(ADA, deadline=0.05)
    await asyncio.wait_for(cancelled.wait(), 5)


def test_a_loop_that_has_ended_holds_up_no_other(emulator: Emulator) -> None:
    token = emulator.sync.issue_user_token("ann")
    asked: list[asyncio.AbstractEventLoop] = []

    async def give(_: TokenRequest) -> str:
        asked.append(asyncio.get_running_loop())
        if len(asked) == 1:
            await asyncio.Event().wait()
        return token

    client = emulator.visitor_chat(token=give)

    async def ends_before_the_answer() -> None:
        opening = asyncio.ensure_future(client.open(ADA))
        while not asked:
            await asyncio.sleep(0.001)
        del opening

    async def goes_on() -> str:
        async with client:
            chat = await client.open(ADA)
            return (await chat.ask("Hello")).text

    began = time.monotonic()
    asyncio.run(ends_before_the_answer())
    assert asyncio.run(goes_on()) == "You said: Hello"
    assert len(set(map(id, asked))) == 2
    assert time.monotonic() - began < 10


def test_a_script_gives_tokens_in_a_thread(emulator: Emulator) -> None:
    old, new = emulator.sync.issue_user_token("ann"), emulator.sync.issue_user_token("ann")
    emulator.sync.set_chat_tokens("revoked", old)
    asked: list[tuple[bool, bool]] = []

    def give(request: TokenRequest) -> str:
        asked.append((request.refused, threading.current_thread() is threading.main_thread()))
        return new if request.refused else old

    with emulator.sync.visitor_chat(token=give) as client:
        assert client.open(ADA).ask("Hello").text == "You said: Hello"
    assert asked == [(False, False), (True, False)]


def test_a_scripts_function_that_raises_or_hangs(emulator: Emulator) -> None:
    mine, hold = Mine(), threading.Event()
    token = emulator.sync.issue_user_token("ann")

    def give(request: TokenRequest) -> str:
        if request.visitor_id == BOB.id:
            raise mine
        hold.wait(10)
        return token

    with emulator.sync.visitor_chat(token=give) as client:
        with pytest.raises(DeadlineError):
            client.open(ADA, deadline=0.05)
        with pytest.raises(AuthenticationError) as raised:
            client.open(BOB)
        hold.set()
    assert raised.value.__cause__ is mine


async def test_a_function_that_never_returns_is_given_up_and_called_again(emulator: Emulator) -> None:
    token, asked, cancelled = await emulator.issue_user_token("ann"), asyncio.Queue[bool](), asyncio.Event()

    async def give(_: TokenRequest) -> str:
        asked.put_nowait(True)
        if not cancelled.is_set():
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
        return token

    async with emulator.visitor_chat(token=give) as client:
        opening = asyncio.ensure_future(client.open(ADA))
        await asyncio.wait_for(asked.get(), 5)
        client.advance_clock(21)
        chat = await asyncio.wait_for(opening, 5)
        assert cancelled.is_set()
        assert (await chat.ask("Hello")).text == "You said: Hello"


def test_a_scripts_function_that_never_returns_holds_up_no_other_visitor(emulator: Emulator) -> None:
    token, hold = emulator.sync.issue_user_token("ann"), threading.Event()
    begun = threading.Semaphore(0)

    def give(request: TokenRequest) -> str:
        if request.visitor_id != ADA.id:
            begun.release()
            hold.wait()
        return token

    def opens(name: str) -> None:
        with pytest.raises(DeadlineError):
            client.open(Visitor.for_user("test", name))

    with emulator.sync.visitor_chat(token=give, open_deadline=21) as client, ThreadPoolExecutor(40) as pool:
        opening = [pool.submit(opens, f"hangs-{number}") for number in range(40)]
        for _ in range(32):
            assert begun.acquire(timeout=10)
        # One that begins after the clock was moved on has its own deadline.
        for _ in range(100):
            client.advance_clock(22)
            if not wait(opening, timeout=0.1).not_done:
                break
        for opened in opening:
            opened.result(timeout=0)
        # All of them hang still.
        assert client.open(ADA).ask("Hello").text == "You said: Hello"
        hold.set()


def test_a_script_takes_no_async_function(emulator: Emulator) -> None:
    async def give(_: TokenRequest) -> str:
        return ""

    with pytest.raises(MisuseError, match="is an async function"):
        emulator.sync.visitor_chat(token=give)  # type: ignore[arg-type]
    hidden: Any = lambda request: give(request)  # noqa: E731
    with emulator.sync.visitor_chat(token=hidden) as client, pytest.raises(MisuseError, match="is an async function"):
        client.open(ADA)


def test_a_script_speaks_as_an_app(emulator: Emulator) -> None:
    with emulator.sync.visitor_chat() as client:
        assert client.open(ADA).ask("Hello").text == "You said: Hello"
    with emulator.sync.visitor_chat(client_secret="wrong") as client, pytest.raises(AuthenticationError):
        client.open(ADA)


async def test_the_owner_before_the_first_echo_is_not_confirmed(emulator: Emulator) -> None:
    async with emulator.visitor_chat() as client:
        chat = await client.open(ADA)
        events = chat.events()
        confirmed = []
        await emulator.owner_reply(chat, "Hi, this is me")
        confirmed.append(await anext(event.confirmed async for event in events if isinstance(event, OwnerReplyEvent)))
        await emulator.owner_handback(chat)
        assert (await chat.ask("Hello")).confirmed
        await emulator.owner_reply(chat, "Me again")
        confirmed.append(await anext(event.confirmed async for event in events if isinstance(event, OwnerReplyEvent)))
        assert confirmed == [False, True]


async def test_a_session_that_is_replaced_is_an_event(emulator: Emulator) -> None:
    await emulator.settings(visitor_chat_second_init="new", visitor_chat_ping_drop="never")
    async with emulator.visitor_chat() as client:
        chat = await client.open(ADA)
        events, before = client.events(), chat.session_id
        for _ in range(61):
            client.advance_clock(1)
            await emulator.advance(1)
        await emulator.close_sockets()
        replaced = await anext(event async for event in events if isinstance(event, SessionReplacedEvent))
        assert (replaced.from_, replaced.to) == (before, chat.session_id)
        assert replaced.from_ != replaced.to
