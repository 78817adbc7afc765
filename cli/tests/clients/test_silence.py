"""An avatar that takes long: comments keep the stream alive, and every client skips them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings

from dify import Dify
from gateway import TOKEN, Stage
from test_frameworks import TURNS, VISITOR, complete, langchain, provider
from test_openai import HISTORY, client

ANSWER = "You said: And who are you?"


def test_a_long_silence_is_bridged_by_comments_which_every_client_skips(stage: Stage, dify: Dify) -> None:
    def by_openai() -> str:
        asked = client(stage).chat.completions.create(model="avatar", messages=HISTORY, user="openai", stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in asked)

    def by_langchain() -> str:
        model = langchain(stage, default_headers={"X-Avatar-Visitor": "langchain"})
        return "".join(str(chunk.content) for chunk in model.stream(TURNS))

    def by_pydantic_ai() -> str:
        settings = OpenAIChatModelSettings(extra_headers={"X-Avatar-Visitor": "pydantic-ai"})
        agent = Agent(OpenAIChatModel("avatar", provider=provider(stage), settings=settings))
        streamed = agent.run_stream_sync("And who are you?")
        return "".join(streamed.stream_text(delta=True, debounce_by=None))

    def by_litellm() -> str:
        pieces = complete(stage, extra_headers=VISITOR, stream=True, messages=HISTORY)
        return "".join(piece.choices[0].delta.content or "" for piece in pieces)

    def by_dify() -> str:
        return str(dify(user="dify", stream=True)["text"])

    ways = [by_openai, by_langchain, by_pydantic_ai, by_litellm, by_dify]
    stage.control("settings", {"reply-delay": "40s"})
    with ThreadPoolExecutor(len(ways) + 1) as pool:
        answers = [pool.submit(way) for way in ways]
        stage.wait_until(lambda said: len(said) == len(ways))
        body = {"model": "avatar", "messages": HISTORY, "user": "raw", "stream": True}
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"{stage.base_url}/chat/completions"
        with (
            httpx.Client(trust_env=False, timeout=60) as http,
            http.stream("POST", url, json=body, headers=headers) as raw,
        ):
            assert any(line.startswith(":") for line in raw.iter_lines())
        # By then the others have had theirs. The pings go on: the service ends a socket that is silent for 30 s.
        stage.control("clock", {"advance_ms": 26_000})
        assert [answer.result() for answer in answers] == [ANSWER] * len(ways)
