"""The bots of ``examples/bots``: what their own lines give to the client."""

import runpy
from pathlib import Path
from typing import Any

import pytest

import secondme_avatar
from fakes import ROOT

GIVEN = {
    "slack": ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"),
    "feishu": ("FEISHU_APP_ID", "FEISHU_APP_SECRET"),
    "dingtalk": ("DINGTALK_CLIENT_ID", "DINGTALK_CLIENT_SECRET"),
}


class Made(Exception):
    """The client is made."""


@pytest.mark.parametrize("name", GIVEN)
def test_a_question_of_a_bot_waits_15_s_for_the_owner(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {}

    def made(**given: Any) -> None:
        options.update(given)
        raise Made

    for variable in GIVEN[name]:
        monkeypatch.setenv(variable, "given")
    monkeypatch.setattr(secondme_avatar, "AvatarClient", made)
    with pytest.raises(Made):
        runpy.run_path(str(Path(ROOT, "examples", "bots", name, "bot.py")), run_name="__main__")
    assert options["owner_deadline"] == 15
