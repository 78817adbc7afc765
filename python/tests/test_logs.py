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


WHERE = """
import logging, os, sys
from secondme_avatar import sync
logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
how, key = sys.argv[1], os.environ["SECONDME_API_KEY"]
options = {"base_url": os.environ["SECONDME_BASE_URL"]} if how == "both in code" else {}
if how != "both of the environment":
    del os.environ["SECONDME_API_KEY"]
    options["api_key"] = key
sync.AvatarClient(**options).close()
"""


@pytest.mark.parametrize(
    ("how", "is_said"),
    [("a key in code", True), ("both in code", False), ("both of the environment", False)],
)
def test_a_base_url_of_the_environment_beside_a_key_in_code_is_said(
    how: str, is_said: bool, emulator: Emulator, script: Callable[[str], list[str]]
) -> None:
    environment = {**os.environ, "SECONDME_API_KEY": emulator.api_key, "SECONDME_BASE_URL": emulator.base_url}
    command = [*script(WHERE), how]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    said = "the service is where SECONDME_BASE_URL says, though the API key was given in code"
    assert (said in ended.stderr) == is_said, ended.stderr
    assert bool(ended.stderr) == is_said
    assert emulator.api_key not in ended.stderr
