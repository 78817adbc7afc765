"""Dify's class for models with OpenAI's API."""

from __future__ import annotations

import pytest

from dify import Dify
from gateway import Stage, visitor_id


@pytest.mark.parametrize("stream", [False, True])
def test_dify_asks_in_its_users_name(stage: Stage, dify: Dify, stream: bool) -> None:
    answer = dify(stream=stream)
    assert (answer.get("text"), answer.get("tools")) == ("You said: And who are you?", 0), answer
    # Of an answer that is not streamed the class tells no reason.
    assert answer["finish"] == ("stop" if stream else None)
    assert stage.said() == {visitor_id("ada"): ["And who are you?"]}


def test_dify_checks_a_model_without_a_word_to_the_avatar(stage: Stage, dify: Dify) -> None:
    # It names no user then, and takes any other status for a wrong key.
    assert dify("validate") == {"text": "", "finish": "valid"}
    assert dify("validate", credentials={"stream_mode_auth": "use"}) == {"text": "", "finish": "valid"}
    wrong = dify("validate", key="wrong")
    assert wrong["error"] == "CredentialsValidateFailedError"
    assert "401" in wrong["message"]
    assert stage.said() == {}


def test_dify_says_what_is_wrong(stage: Stage, dify: Dify) -> None:
    for options, what in (
        ({"user": None}, "visitor_required"),
        ({"model": "gpt-4o"}, "model_not_found"),
        ({"key": "wrong"}, "invalid_api_key"),
    ):
        failed = dify(**options)
        # It has one class for all that is not 200.
        assert failed["error"] == "InvokeError", failed
        assert what in failed["message"]
    assert stage.said() == {}
    stage.control("faults", {"at": "reply", "do": {"fail": "session.openai.error"}})
    assert dify(user="grace", stream=True)["error"] == "InvokeError"
