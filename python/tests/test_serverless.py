"""A function that lives for one request: each invocation is a process of its own here, and may be frozen."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from secondme_avatar.testing import Emulator

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/python"
PROGRAM = """
import asyncio, json, sys
from serverless import handler
print(json.dumps(asyncio.run(handler(*sys.argv[1:]))))
"""


def invoke(emulator: Emulator, store: str, user: str, text: str) -> subprocess.Popen[str]:
    """Begins an invocation."""
    said = {"SECONDME_API_KEY": emulator.api_key, "SECONDME_BASE_URL": emulator.base_url, "AVATAR_STORE": store}
    path = os.pathsep.join([str(EXAMPLES), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, user, text],
        env={**os.environ, **said, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )


def result(invocation: subprocess.Popen[str]) -> dict[str, object]:
    with invocation:
        out, _ = invocation.communicate(timeout=30)
    assert invocation.returncode == 0
    answer: dict[str, object] = json.loads(out)
    return answer


async def test_the_next_invocation_goes_on_with_the_session_without_a_new_authentication(
    emulator: Emulator, redis: str
) -> None:
    assert result(invoke(emulator, redis, "ada", "one")) == {"meanwhile": [], "answer": "You said: one"}
    state = await emulator.state()
    session = state["sessions"][0]["sessionId"]
    await emulator.owner_reply(session, "It is me")
    await emulator.owner_handback(session)
    assert result(invoke(emulator, redis, "ada", "two")) == {"meanwhile": ["It is me"], "answer": "You said: two"}
    after = await emulator.state()
    assert len(after["sessions"]) == 1
    assert after["calls"]["auth"] == state["calls"]["auth"]


async def test_an_invocation_that_is_frozen_while_its_answer_comes_has_it_when_it_thaws(
    emulator: Emulator, redis: str
) -> None:
    await emulator.settings(reply_delay="200ms")
    frozen = invoke(emulator, redis, "ada", "one")
    await emulator.wait_until(lambda state: state["calls"].get("message/send") == 1)
    frozen.send_signal(signal.SIGSTOP)
    # The service gives the socket up meanwhile, and the answer is spoken.
    await emulator.close_sockets(abrupt=True)
    await emulator.wait_until(
        lambda state: any(message["text"] == "You said: one" for message in state["sessions"][0]["messages"])
    )
    frozen.send_signal(signal.SIGCONT)
    assert result(frozen) == {"meanwhile": [], "answer": "You said: one"}
