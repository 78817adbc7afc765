"""The core's log in ``logging``."""

import os
import subprocess
from collections.abc import Callable

import pytest

from secondme_avatar.testing import Emulator

TALK = """
import logging, sys
from secondme_avatar import Visitor, sync
if sys.argv[1:]:
    logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("secondme_avatar").setLevel(sys.argv[1])
with sync.AvatarClient() as client:
    client.open(Visitor.for_user("test", "ada")).ask("my secret")
"""


@pytest.mark.parametrize(
    ("level", "variable", "names"),
    [
        ("DEBUG", None, ["DEBUG secondme_avatar.http call", "DEBUG secondme_avatar.conversation state"]),
        ("WARNING", None, []),
        (None, None, []),
        (None, "secondme_avatar=debug", ["call visitor=", "state visitor="]),
        ("DEBUG", "secondme_avatar::http=debug", ["DEBUG secondme_avatar.http call"]),
    ],
)
def test_the_core_s_log_reaches_logging(
    level: str | None, variable: str | None, names: list[str], emulator: Emulator, script: Callable[[str], list[str]]
) -> None:
    command = script(TALK) + ([level] if level else [])
    environment = {**os.environ, **({"SECONDME_LOG": variable} if variable else {})}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    assert bool(ended.stderr) == bool(names)
    for name in names:
        assert name in ended.stderr
    for secret in ("my secret", emulator.api_key):
        assert secret not in ended.stderr
