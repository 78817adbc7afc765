"""Libraries that stand on OpenAI's API: LangChain, pydantic-ai and LiteLLM."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from pydantic_ai import Agent, ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings
from pydantic_ai.providers.openai import OpenAIProvider

from conftest import Staged
from dify import Dify
from gateway import TOKEN, Stage, visitor_id

# LiteLLM would fetch a list of prices from the internet.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm

VISITOR = {"X-Avatar-Visitor": "ada"}
TURNS = [
    SystemMessage("You are a pirate"),
    HumanMessage("My name is Ada"),
    AIMessage("Hello Ada"),
    HumanMessage("And who are you?"),
]
ANSWER = "You said: And who are you?"


def langchain(stage: Stage, **options: Any) -> ChatOpenAI:
    given = {"base_url": stage.base_url, "api_key": TOKEN, "model": "avatar", "max_retries": 0, **options}
    return ChatOpenAI(**given, http_client=httpx.Client(trust_env=False))


@pytest.mark.parametrize("identity", [{"default_headers": VISITOR}, {"model_kwargs": {"user": "ada"}}])
def test_langchain_asks_and_streams(stage: Stage, identity: dict[str, Any]) -> None:
    model = langchain(stage, **identity)
    whole = model.invoke(TURNS)
    assert (whole.content, whole.response_metadata["finish_reason"]) == (ANSWER, "stop")
    assert "".join(str(chunk.content) for chunk in model.stream(TURNS)) == ANSWER
    assert stage.said() == {visitor_id("ada"): ["And who are you?"] * 2}


def test_langchain_says_what_is_wrong(stage: Stage) -> None:
    with pytest.raises(openai.BadRequestError) as nameless:
        langchain(stage).invoke("Who am I?")
    assert nameless.value.code == "visitor_required"
    with pytest.raises(openai.AuthenticationError):
        langchain(stage, api_key="wrong", default_headers=VISITOR).invoke("Hello")
    with pytest.raises(openai.BadRequestError):
        langchain(stage, default_headers=VISITOR).with_structured_output(
            {"title": "T", "type": "object", "properties": {}}
        ).invoke("Hi")
    assert stage.said() == {}


def provider(stage: Stage, key: str = TOKEN) -> OpenAIProvider:
    sdk = openai.AsyncOpenAI(
        base_url=stage.base_url, api_key=key, max_retries=0, http_client=httpx.AsyncClient(trust_env=False)
    )
    return OpenAIProvider(openai_client=sdk)


def test_pydantic_ai_asks_and_streams(stage: Stage) -> None:
    settings = OpenAIChatModelSettings(extra_headers=VISITOR)
    agent = Agent(OpenAIChatModel("avatar", provider=provider(stage), settings=settings), instructions="A pirate")
    first = agent.run_sync("My name is Ada")
    assert first.output == "You said: My name is Ada"
    streamed = agent.run_stream_sync("And who are you?", message_history=first.all_messages())
    assert "".join(streamed.stream_text(delta=True, debounce_by=None)) == ANSWER
    assert stage.said() == {visitor_id("ada"): ["My name is Ada", "And who are you?"]}


def test_pydantic_ai_says_what_is_wrong(stage: Stage) -> None:
    for key, status, code in ((TOKEN, 400, "visitor_required"), ("wrong", 401, "invalid_api_key")):
        with pytest.raises(ModelHTTPError) as caught:
            Agent(OpenAIChatModel("avatar", provider=provider(stage, key))).run_sync("Who am I?")
        assert caught.value.status_code == status
        assert isinstance(caught.value.body, dict)
        assert caught.value.body["code"] == code
    assert stage.said() == {}


def complete(stage: Stage, **options: Any) -> Any:
    messages = [{"role": "user", "content": "Who am I?"}]
    call = {"model": "openai/avatar", "api_base": stage.base_url, "api_key": TOKEN, "num_retries": 0, "max_retries": 0}
    return litellm.completion(**{**call, "messages": messages, **options})


def test_litellm_asks_and_streams_with_the_visitor_in_a_header(stage: Stage) -> None:
    answer = complete(stage, extra_headers=VISITOR)
    assert answer.choices[0].message.content == "You said: Who am I?"
    pieces = complete(stage, extra_headers=VISITOR, stream=True)
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == "You said: Who am I?"
    assert stage.said() == {visitor_id("ada"): ["Who am I?"] * 2}


def test_litellm_says_what_is_wrong(stage: Stage) -> None:
    # It leaves out `user` for a model whose name it does not know, so the header is the only way.
    with pytest.raises(litellm.exceptions.BadRequestError, match="X-Avatar-Visitor"):
        complete(stage, user="ada")
    with pytest.raises(litellm.exceptions.AuthenticationError):
        complete(stage, api_key="wrong", extra_headers=VISITOR)
    with pytest.raises(litellm.exceptions.NotFoundError):
        complete(stage, model="openai/gpt-4o-nowhere", extra_headers=VISITOR)
    stage.control("faults", {"at": "auth", "do": {"status": 429, "retry-after": 900}, "times": 9})
    with pytest.raises(litellm.exceptions.RateLimitError):
        complete(stage, extra_headers=VISITOR)
    assert stage.said() == {}


def test_a_failure_in_the_middle_of_a_stream_is_an_error_everywhere(staged: Staged, wheels: Path) -> None:
    pieces = {"say": {"pieces": ["one ", "two "], "end": "missing"}}
    script = {"rules": [{"when": "any", "then": [pieces, {"fail": {"code": "session.openai.error"}}]}]}
    stage = staged(settings={"brain": {"script": script}})

    def by_langchain() -> Iterator[Any]:
        for chunk in langchain(stage, default_headers={"X-Avatar-Visitor": "langchain"}).stream(TURNS):
            yield chunk.content

    def by_pydantic_ai() -> Iterator[Any]:
        settings = OpenAIChatModelSettings(extra_headers={"X-Avatar-Visitor": "pydantic-ai"})
        agent = Agent(OpenAIChatModel("avatar", provider=provider(stage), settings=settings))
        yield from agent.run_stream_sync("Who are you?").stream_text(delta=True, debounce_by=None)

    def by_litellm() -> Iterator[Any]:
        for piece in complete(stage, extra_headers=VISITOR, stream=True):
            yield piece.choices[0].delta.content

    for stream, kind in (
        (by_langchain, openai.APIError),
        (by_pydantic_ai, ModelHTTPError),
        (by_litellm, litellm.exceptions.ServiceUnavailableError),
    ):
        with pytest.raises(kind):
            list(stream())
    # Dify raises what the gateway said, as it stands.
    failed = Dify(stage, wheels)(user="dify", stream=True)
    assert failed["error"] == "ValueError"
    assert "service_failed" in failed["message"]
