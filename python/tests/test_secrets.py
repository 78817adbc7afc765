"""Secrets stand in nothing that a program prints. Each test plants one where this package meets it.

| leak | who repeats which secret |
| --- | --- |
| 1 | a constructor that fails, the key and the proxy's password in its variables |
| 2 | that of Visitor Chat, the app's secret too |
| 3 | a constructor, what the environment gives |
| 4 | a client that was half made |
| 5 | a text that is no key, no credentials |
| 6 | an answer over HTTP, the API key as message and code |
| 7 | frames of the socket, the visitor's token |
| 8 | a proxy, its password |
| 9 | a function that gives tokens, the token in the message of what it raises |
| 10 | a function that gives a wrong thing, with the token in it |
| 11 | clients, conversations and credentials that are printed |
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import secondme_avatar
import secondme_avatar.sync
from secondme_avatar import AvatarClient, AvatarError, Credentials, MisuseError, Visitor
from secondme_avatar.testing import Emulator

# They look like plain words, so that only knowing them helps.
KEY = "sk-horse"
SECRET = "dish-washer"
PASSWORD = "open-sesame"
TOKEN = "battery-staple"
ADA = Visitor.for_user("test", "ada")
PROXY = f"socks5://ada:{PASSWORD}@proxy.example.com:1080"

FACES = [secondme_avatar.AvatarClient, secondme_avatar.sync.AvatarClient]


def shown_of(failed: BaseException) -> str:
    """All frames below this file's with their variables, as pytest and error reporters print them."""
    frames = traceback.walk_tb(failed.__traceback__)
    own = [frame for frame, _ in frames if frame.f_code.co_filename != __file__]
    assert own, "the failure comes from the library"
    variables = [f"{name}={value!r}" for frame in own for name, value in frame.f_locals.items()]
    return "\n".join([repr(failed), str(failed), *variables])


@pytest.mark.parametrize("face", FACES)
def test_a_constructor_that_fails_shows_neither_the_key_nor_the_proxy_s_password(face: type[AvatarClient]) -> None:
    with pytest.raises(MisuseError) as failed:
        face(KEY, proxy=PROXY)
    shown = shown_of(failed.value)
    assert "api_key='…'" in shown
    for secret in (KEY, PASSWORD):
        assert secret not in shown, shown


@pytest.mark.parametrize("face", FACES)
def test_nor_does_the_one_of_visitor_chat_show_the_app_s_secret(face: type[AvatarClient]) -> None:
    with pytest.raises(MisuseError) as failed:
        face.visitor_chat("app", SECRET, KEY, proxy=PROXY)
    shown = shown_of(failed.value)
    for secret in (KEY, SECRET, PASSWORD):
        assert secret not in shown, shown


def test_nor_what_the_environment_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECONDME_API_KEY", KEY)
    monkeypatch.setenv("SECONDME_CLIENT_ID", "app")
    monkeypatch.setenv("SECONDME_CLIENT_SECRET", SECRET)
    for make in (AvatarClient, AvatarClient.visitor_chat):
        with pytest.raises(MisuseError) as failed:
            make(heartbeat=1.0)
        shown = shown_of(failed.value)
        for secret in (KEY, SECRET):
            assert secret not in shown, shown


@pytest.mark.parametrize("face", FACES)
def test_a_client_half_made_prints(face: type[AvatarClient]) -> None:
    assert repr(face.__new__(face)) == "<AvatarClient that could not be made>"


def printed(failed: BaseException) -> str:
    """What prints an error: its texts, and its whole traceback with the variables of all frames but this file's."""
    written = traceback.TracebackException.from_exception(failed, capture_locals=True)
    for error in _chain(written):
        for frame in error.stack:
            if frame.filename == __file__:
                frame.locals = None
    shown = [repr(failed), str(failed), json.dumps(failed.to_dict() if isinstance(failed, AvatarError) else {})]
    return "\n".join([*shown, *(line for line in written.format())])


def _chain(error: traceback.TracebackException | None) -> Iterator[traceback.TracebackException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server on this machine that answers everything so."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer(self)

        do_GET = do_CONNECT = do_POST

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


async def failing(client: AvatarClient) -> AvatarError:
    with pytest.raises(AvatarError) as failed:
        await client.open(ADA, deadline=1)
    await client.close()
    return failed.value


def test_what_is_no_key_and_what_are_no_credentials_is_not_repeated() -> None:
    calls: list[Callable[[], object]] = [
        lambda: AvatarClient(TOKEN),
        lambda: Credentials.from_json(json.dumps({"visitorToken": TOKEN})),
        lambda: Credentials.from_json(f'{{"visitorToken":"{TOKEN}"'),
        lambda: AvatarClient(KEY, base_url="http://127.0.0.1:9").set_api_key(TOKEN),
    ]
    for call in calls:
        with pytest.raises(AvatarError) as failed:
            call()
        assert TOKEN not in printed(failed.value)


async def test_an_answer_that_repeats_the_key_is_shown_without_it(log: pytest.LogCaptureFixture) -> None:
    met = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(int(request.headers.get("content-length") or 0))
        met.append(KEY in str(request.headers))
        request.send_response(400)
        request.send_header("x-request-id", KEY)
        request.end_headers()
        request.wfile.write(json.dumps({"code": KEY, "message": f"{KEY} is unknown", "detail": KEY}).encode())

    reports: list[object] = []
    with serving(answer) as address:
        error = await failing(AvatarClient(KEY, base_url=f"http://{address}", on_call=reports.append))
    assert met[0], "the key was shown to the server"
    assert "… is unknown" in str(error)
    assert reports
    assert KEY not in printed(error) + repr(reports) + log.text


async def test_a_service_that_speaks_of_the_token_does_not_get_it_printed(
    client: AvatarClient, emulator: Emulator, log: pytest.LogCaptureFixture
) -> None:
    chat = await client.open(ADA)
    token = json.loads((await client.authenticate(ADA)).to_json())["visitorToken"]
    heard = client.events()
    for frame in (
        {"type": "sendFailed", "sessionId": chat.session_id, "subCode": token, "subCodeReason": f"{token} is no token"},
        {"type": "news", "text": token},
    ):
        await emulator.push(chat, frame=frame)
    shown = [repr(await anext(heard)), repr(await anext(heard))]
    assert "ServiceErrorEvent" in shown[0]
    assert token not in "".join(shown) + log.text


async def test_a_proxy_that_repeats_its_password_is_shown_without_it(log: pytest.LogCaptureFixture) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(407, PASSWORD)
        request.end_headers()
        request.wfile.write(PASSWORD.encode())

    reports: list[object] = []
    with serving(answer) as address:
        options: Any = {"proxy": f"http://ada:{PASSWORD}@{address}", "allow_insecure": True}
        # An address that no machine has: this machine's own are reached without the proxy.
        client = AvatarClient(KEY, base_url="http://192.0.2.1", on_call=reports.append, **options)
        error = await failing(client)
    assert reports
    shown = printed(error) + repr(reports) + log.text + f"{client.proxy}{client!r}{vars(client)}"
    for secret in (PASSWORD, base64.b64encode(f"ada:{PASSWORD}".encode()).decode()):
        assert secret not in shown


async def test_what_a_function_raises_is_the_cause_alone(emulator: Emulator, log: pytest.LogCaptureFixture) -> None:
    mine = ValueError(f"the token {TOKEN} has expired")

    def token(_: object) -> str:
        raise mine

    options = {"base_url": emulator.lab_base_url}
    error = await failing(AvatarClient.visitor_chat(api_key=emulator.api_key, token=token, **options))  # type: ignore[arg-type]
    assert error.__cause__ is mine
    error.__cause__ = None
    assert TOKEN not in printed(error) + log.text


@pytest.mark.parametrize("given", [[TOKEN], {"token": TOKEN}, TOKEN.encode(), f"{TOKEN}\n{TOKEN}", f"{TOKEN}\ud83d"])
async def test_what_a_function_gives_by_mistake_is_not_repeated(
    given: Any, emulator: Emulator, log: pytest.LogCaptureFixture
) -> None:
    def token(_: object) -> Any:
        return given

    options = {"base_url": emulator.lab_base_url}
    error = await failing(AvatarClient.visitor_chat(api_key=emulator.api_key, token=token, **options))  # type: ignore[arg-type]
    assert TOKEN not in printed(error) + log.text


async def test_nothing_that_holds_a_secret_prints_it(client: AvatarClient, emulator: Emulator) -> None:
    credentials = await client.authenticate(ADA)
    app = AvatarClient.with_credentials(lambda _: credentials, base_url=emulator.base_url)
    async with app, emulator.visitor_chat() as lab:
        held = [client, app, lab, await app.open(ADA), credentials, client.stats(), client.events()]
        shown = "".join(f"{value!r}{value}{getattr(value, '__dict__', '')}" for value in held)
    token = json.loads(credentials.to_json())["visitorToken"]
    for secret in (emulator.api_key, emulator.client_secret, token):
        assert secret not in shown


def test_each_row_of_the_table_has_its_test() -> None:
    own = Path(__file__).read_text(encoding="utf-8").splitlines()
    rows = [line for line in own if line.startswith("| ") and line[2].isdigit()]
    tests = [line for line in own if line.startswith(("def test_", "async def test_"))]
    assert len(tests) - 1 == len(rows)
