"""OpenAI's own SDK for Python."""

from __future__ import annotations

import time
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from conftest import Staged
from gateway import TOKEN, Stage, visitor_id

HISTORY: list[Any] = [
    {"role": "system", "content": "You are a pirate"},
    {"role": "user", "content": "My name is Ada"},
    {"role": "assistant", "content": "Hello Ada"},
    {"role": "user", "content": "And who are you?"},
]


def client(stage: Stage, **options: Any) -> OpenAI:
    given: dict[str, Any] = {"base_url": stage.base_url, "api_key": TOKEN, "max_retries": 0, **options}
    given.setdefault("http_client", httpx.Client(trust_env=False))
    return OpenAI(**given)


def test_models_are_listed(stage: Stage) -> None:
    models = client(stage).models
    assert [(model.id, model.owned_by) for model in models.list()] == [("avatar", "secondme")]
    assert models.retrieve("avatar").object == "model"


def test_a_completion_is_the_answer_to_the_last_message_alone(stage: Stage) -> None:
    raw = client(stage).chat.completions.with_raw_response.create(
        model="avatar", messages=HISTORY, user="ada", temperature=0.3, seed=1
    )
    answer = raw.parse()
    assert answer.choices[0].message.content == "You said: And who are you?"
    assert (answer.choices[0].finish_reason, answer.model, answer.object) == ("stop", "avatar", "chat.completion")
    assert answer.usage is not None
    assert answer.usage.total_tokens == 0
    ignored = raw.headers["x-avatar-ignored"]
    assert all(name in ignored for name in ("system", "temperature", "seed")), ignored
    assert stage.said() == {visitor_id("ada"): ["And who are you?"]}


def test_a_completion_is_streamed_with_its_usage_where_that_is_asked_for(stage: Stage) -> None:
    chunks = list(
        client(stage).chat.completions.create(
            model="avatar", messages=HISTORY, user="ada", stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "You said: And who are you?"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_stream_helper_puts_the_whole_together(stage: Stage) -> None:
    with client(stage).chat.completions.stream(model="avatar", messages=HISTORY, user="ada") as stream:
        for _ in stream:
            pass
        assert stream.get_final_completion().choices[0].message.content == "You said: And who are you?"


def test_all_ways_to_name_a_visitor_lead_to_the_same_one(stage: Stage) -> None:
    ways: list[dict[str, Any]] = [
        {"user": "ada"},
        {"safety_identifier": "ada"},
        {"metadata": {"visitor": "ada"}},
        {"extra_headers": {"X-Avatar-Visitor": "ada", "X-Avatar-Visitor-Name": "Ada%20L"}},
        {"extra_headers": {"X-OpenWebUI-User-Id": "ada", "X-OpenWebUI-User-Name": "Ada%20L"}},
        {"extra_headers": {"X-LangBot-Conversation-Id": "ada"}},
        {"model": "avatar@ada"},
    ]
    for way in ways:
        message: Any = {"role": "user", "content": "Hello"}
        client(stage).chat.completions.create(**{"model": "avatar", "messages": [message], **way})
    assert stage.said() == {visitor_id("ada"): ["Hello"] * len(ways)}
    other = client(stage, api_key=TOKEN[::-1])
    other.chat.completions.create(model="avatar", messages=HISTORY, user="ada")
    assert stage.said()[visitor_id("ada", "other")] == ["And who are you?"]


def refused(stage: Stage, **options: Any) -> openai.APIStatusError:
    call = {"model": "avatar", "messages": HISTORY, "user": "ada", **options}
    with pytest.raises(openai.APIStatusError) as caught:
        client(stage).chat.completions.create(**call)
    return caught.value


def test_each_refusal_is_an_error_of_the_sdks_own(stage: Stage) -> None:
    with pytest.raises(openai.AuthenticationError) as wrong_key:
        client(stage, api_key="wrong").chat.completions.create(model="avatar", messages=HISTORY, user="ada")
    assert wrong_key.value.code == "invalid_api_key"
    missing = refused(stage, model="gpt-4o")
    assert (type(missing), missing.code) == (openai.NotFoundError, "model_not_found")
    nameless = refused(stage, user=openai.NOT_GIVEN)
    assert (type(nameless), nameless.code) == (openai.BadRequestError, "visitor_required")
    assert "extra_headers" in nameless.message or "user" in nameless.message
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    cases: list[dict[str, Any]] = [
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Look"}, image]}]},
        {"messages": [*HISTORY, {"role": "assistant", "content": "I am"}]},
        {"n": 2},
        {"response_format": {"type": "json_object"}},
        {"tool_choice": "required", "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
    ]
    for case in cases:
        error = refused(stage, **case)
        assert isinstance(error, openai.BadRequestError), case
        assert error.code, case
    with pytest.raises(openai.NotFoundError):
        client(stage).embeddings.create(model="avatar", input="Hello")
    assert stage.said() == {}


def test_a_quota_that_is_used_up_names_a_wait_that_the_sdk_keeps(stage: Stage) -> None:
    stage.control("faults", {"at": "auth", "do": {"status": 429, "retry-after": 900}, "times": 9})
    limited = refused(stage, user="limited")
    assert (type(limited), limited.code) == (openai.RateLimitError, "rate_limit_exceeded")
    # The SDK gives up at once where it is told to wait for more than two minutes.
    assert 0 < int(limited.response.headers["retry-after"]) <= 120
    assert int(limited.response.headers["retry-after-ms"]) > 0


def test_what_fails_at_the_service_is_an_error_of_its_kind(stage: Stage) -> None:
    stage.control("faults", {"at": "reply", "do": {"fail": "session.openai.error"}})
    failed = refused(stage, user="failed")
    assert isinstance(failed, openai.InternalServerError)
    assert failed.response.headers["content-type"] == "application/json"


def test_a_failure_in_the_middle_of_a_stream_is_an_error_and_no_end(staged: Staged) -> None:
    pieces = {"say": {"pieces": ["one ", "two "], "end": "missing"}}
    script = {"rules": [{"when": "any", "then": [pieces, {"fail": {"code": "session.openai.error"}}]}]}
    stage = staged(settings={"brain": {"script": script}})
    stream = client(stage).chat.completions.create(model="avatar", messages=HISTORY, user="ada", stream=True)
    said: list[str] = []

    def read() -> None:
        for chunk in stream:
            said.append(chunk.choices[0].delta.content or "")

    with pytest.raises(openai.APIError) as caught:
        read()
    assert "".join(said) == "one two "
    assert caught.value.type == "server_error"


class LosesTheAnswer(httpx.BaseTransport):
    """Takes the first answer for lost once the avatar has got the question."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._real = httpx.HTTPTransport()
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._real.handle_request(request)
        if len(self.requests) == 1:
            self._stage.wait_until(bool)
            answer.close()
            raise httpx.ReadTimeout("lost", request=request)
        return answer


@pytest.mark.parametrize("stream", [False, True])
def test_a_retry_attaches_to_the_reply_that_is_under_way(stage: Stage, stream: bool) -> None:
    transport = LosesTheAnswer(stage)
    retrying = client(stage, max_retries=2, http_client=httpx.Client(transport=transport))
    answer: Any = retrying.chat.completions.create(model="avatar", messages=HISTORY, user="ada", stream=stream)
    if stream:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in answer)
    else:
        text = answer.choices[0].message.content
    assert text == "You said: And who are you?"
    counts = [request.headers["x-stainless-retry-count"] for request in transport.requests]
    assert counts == ["0", "1"]
    assert stage.said() == {visitor_id("ada"): ["And who are you?"]}


def test_the_same_question_once_more_is_a_new_one(stage: Stage) -> None:
    for _ in range(2):
        client(stage).chat.completions.create(model="avatar", messages=HISTORY, user="ada")
    assert stage.said() == {visitor_id("ada"): ["And who are you?"] * 2}


def test_the_owners_words_are_marked_for_people_and_for_programs(staged: Staged) -> None:
    script = {"rules": [{"when": "any", "then": [{"owner": "takes-over"}, {"owner": {"says": "It is me"}}]}]}
    stage = staged(settings={"brain": {"script": script}})
    whole = client(stage).chat.completions.create(model="avatar", messages=HISTORY, user="ada")
    message = whole.choices[0].message
    assert message.content is not None
    assert message.content.endswith("It is me")
    assert "in person" in message.content
    assert message.model_extra is not None
    assert message.model_extra["avatar"]["author"] == "owner"
    stream = client(stage).chat.completions.create(model="avatar", messages=HISTORY, user="grace", stream=True)
    deltas = [chunk.choices[0].delta for chunk in stream]
    assert "".join(delta.content or "" for delta in deltas).endswith("It is me")
    assert any((delta.model_extra or {}).get("avatar", {}).get("author") == "owner" for delta in deltas)


def test_what_the_owner_says_later_comes_before_the_next_answer(stage: Stage) -> None:
    sdk = client(stage)
    sdk.chat.completions.create(model="avatar", messages=HISTORY, user="ada")
    stage.control("owner/reply", {"sessionId": stage.session("ada"), "text": "I was away"})
    stage.control("owner/handback", {"sessionId": stage.session("ada")})
    texts: list[str] = []
    deadline = time.monotonic() + 20
    # It comes over the socket, and no call of the client's tells when.
    while not any("I was away" in text for text in texts):
        assert time.monotonic() < deadline, texts
        answer = sdk.chat.completions.create(model="avatar", messages=HISTORY, user="ada")
        texts.append(answer.choices[0].message.content or "")
    assert texts[-1].endswith("You said: And who are you?")
    again = sdk.chat.completions.create(model="avatar", messages=HISTORY, user="ada")
    assert again.choices[0].message.content == "You said: And who are you?"
