"""What people say and secrets do not print: they are in the fields, and in `to_dict`."""

import json
import logging
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from test_plain import ABOUT, FIELDS, SAID

from secondme_avatar import (
    AvatarClient,
    AvatarError,
    Card,
    Conversation,
    DeadlineError,
    HistoryMessage,
    Piece,
    Reply,
    UnsentMessage,
    Visitor,
    events,
)
from secondme_avatar._plain import event_again
from secondme_avatar.sync import AvatarClient as SyncClient
from secondme_avatar.testing import Emulator


def prints(value: object, caplog: pytest.LogCaptureFixture) -> str:
    """All ways in which a value is printed."""
    caplog.clear()
    logging.getLogger("program").warning("%s %r", value, value)
    logging.getLogger("program").warning(value)
    shown = [repr(value), str(value), f"{value}", f"{value!r}", ascii(value), format(value), repr([value])]
    return "\n".join([*shown, caplog.text])


@pytest.mark.parametrize("name", sorted(events.NAMES))
def test_no_event_prints_what_people_say(name: str, caplog: pytest.LogCaptureFixture) -> None:
    event: Any = event_again(name, {**ABOUT, **FIELDS[name]})
    shown = prints(event, caplog)
    assert SAID not in shown
    for field in type(event).__match_args__:
        assert f"{field}=" in shown
    assert SAID in json.dumps(event.to_dict())


UNSENT = UnsentMessage(SAID, True, "m")
VALUES: list[Any] = [
    Reply(**FIELDS["reply"]),
    Card("image", {"alt": SAID}),
    Card("", SAID),
    HistoryMessage(SAID, "visitor", "m", "1", (SAID,), None),
    UNSENT,
    DeadlineError("late", unsent=UNSENT),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_no_value_prints_it_either(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert SAID not in prints(value, caplog)
    assert SAID in json.dumps(value.to_dict())
    if not isinstance(value, AvatarError):
        again = pickle.loads(pickle.dumps(value))
        assert (again, again == "another") == (value, False)


def test_a_piece_is_its_text_and_prints_none_of_it() -> None:
    piece = Piece(SAID, "avatar")
    assert (piece, f"{piece}", repr(piece)) == (SAID, SAID, "<Piece of 9 characters>")


def test_a_visitor_prints_its_id_alone(caplog: pytest.LogCaptureFixture) -> None:
    visitor = Visitor.random("web", name=SAID, channel=SAID, tag=SAID)
    assert SAID not in prints(visitor, caplog)
    assert visitor.id in prints(visitor, caplog)


def test_what_is_absent_is_seen() -> None:
    reply = Reply(**{**FIELDS["reply"], "text": "", "parts": (), "sources": ({}, {})})
    assert "text=<0 characters>, author='avatar'" in repr(reply)
    assert "parts=(), sources=<2 items>" in repr(reply)


FAILING = """
from secondme_avatar import Card, Reply
from test_plain import ABOUT, FIELDS
from secondme_avatar._plain import event_again

ONE = Reply(**FIELDS["reply"])
OTHER = Reply(**{**FIELDS["reply"], "text": "my secrets"})

def test_values():
    one = ONE
    assert one == OTHER

def test_lists():
    assert [ONE] == [OTHER]

def test_events():
    one, other = (event_again("reply", {**ABOUT, **FIELDS["reply"], "text": text}) for text in ("my secret", "other"))
    assert one == other
"""


def test_a_failed_assertion_of_pytest_shows_none_of_it(tmp_path: Any) -> None:
    program = tmp_path / "test_program.py"
    program.write_text(FAILING)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-vv",
        "--showlocals",
        "--tb=short",
        "-p",
        "no:cacheprovider",
        str(program),
    ]
    run = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "3 failed" in run.stdout, run.stdout + run.stderr
    # Its source is shown, which this file wrote.
    shown = "\n".join(line for line in run.stdout.splitlines() if "event_again(" not in line)
    assert SAID not in shown, run.stdout


async def test_what_comes_from_a_conversation_prints_none_of_it(
    client: AvatarClient, chat: Conversation, caplog: pytest.LogCaptureFixture
) -> None:
    heard = chat.events()
    credentials = await client.authenticate(Visitor.random("test", name=SAID))
    values: list[object] = [client, chat, client.stats(), credentials, await chat.ask(SAID)]
    pieces = [piece async for piece in chat.stream(SAID)]
    assert SAID in "".join(pieces)
    values.append(pieces)
    values += await chat.history()
    heard.finish()
    values += [event async for event in heard]
    for value in values:
        shown = prints(value, caplog)
        assert SAID not in shown
        assert json.loads(credentials.to_json())["visitorToken"] not in shown
    assert SAID in json.dumps([value.to_dict() for value in values if isinstance(value, Reply)])


def variables_of(failed: BaseException) -> str:
    """A traceback with the variables of each frame but this file's, as error reporters write it."""
    written = traceback.TracebackException.from_exception(failed, capture_locals=True)
    own = [frame for frame in written.stack if frame.filename != __file__ and frame.locals]
    assert own, "the failure comes from the library"
    return "\n".join(
        [str(failed), *(f"{name}={value}" for frame in own for name, value in (frame.locals or {}).items())]
    )


async def test_no_traceback_shows_what_was_to_be_said(chat: Conversation) -> None:
    await chat.close()
    calls: list[Callable[[], Any]] = [
        lambda: chat.ask(SAID),
        lambda: chat.send(SAID),
        lambda: chat.send(SAID, durable=True),
        lambda: anext(chat.stream(SAID)),
    ]
    for call in calls:
        with pytest.raises(AvatarError) as failed:
            await call()
        assert SAID not in variables_of(failed.value)


def test_nor_without_an_event_loop(emulator: Emulator) -> None:
    with SyncClient(emulator.api_key, base_url=emulator.base_url) as client:
        chat = client.open(Visitor.for_user("test", "ada"))
        chat.close()
        calls: list[Callable[[], Any]] = [
            lambda: chat.ask(SAID),
            lambda: chat.send(SAID),
            lambda: chat.send(SAID, durable=True),
            lambda: next(chat.stream(SAID)),
        ]
        for call in calls:
            with pytest.raises(AvatarError) as failed:
                call()
            assert SAID not in variables_of(failed.value)
