"""Many people at once, while the service fails now and then: all are answered, each once, and none as another."""

from __future__ import annotations

import asyncio

import httpx
from openai import AsyncOpenAI

from conftest import Staged
from gateway import TOKEN, visitor_id

PEOPLE = 100
QUESTIONS = 10
FAULTS = [
    {"at": "message/send", "do": "cut-after", "chance": 0.02},
    {"at": "message/send", "do": {"status": 503}, "chance": 0.02},
    {"at": "connect", "do": "refuse", "chance": 0.05},
    {"at": "frame-out", "do": "duplicate", "chance": 0.02},
    {"at": "frame-out", "do": "cut", "chance": 0.001},
]


def test_a_thousand_questions_of_a_hundred_people_are_each_answered_once_and_to_the_one_who_asked(
    staged: Staged,
) -> None:
    # A key authenticates 60 visitors a minute, so two of them share the work.
    stage = staged(emulated=("--key", "sk-second"), env={"SECONDME_API_KEY_SECOND": "sk-second"})
    stage.control("faults", FAULTS)
    wrong: list[str] = []

    async def talk(sdk: AsyncOpenAI, person: str, model: str) -> None:
        for number in range(QUESTIONS):
            text = f"the secret of {person} is {hash(person)}, for the {number}th time"
            stream = number % 2 == 1
            call = {"model": model, "messages": [{"role": "user", "content": text}], "user": person}
            answer = await sdk.chat.completions.create(**call, stream=stream)
            if stream:
                said = "".join([chunk.choices[0].delta.content or "" async for chunk in answer])
            else:
                said = answer.choices[0].message.content
            if said != f"You said: {text}":
                wrong.append(f"{person}: {said}")

    async def all_talk() -> None:
        limits = httpx.Limits(max_connections=PEOPLE)
        async with (
            httpx.AsyncClient(trust_env=False, limits=limits, timeout=60) as http,
            AsyncOpenAI(base_url=stage.base_url, api_key=TOKEN, max_retries=5, http_client=http) as sdk,
        ):
            models = ("avatar", "avatar-second")
            await asyncio.gather(*(talk(sdk, f"person {number}", models[number % 2]) for number in range(PEOPLE)))

    asyncio.run(all_talk())
    assert wrong == []
    said = stage.said()
    assert len(said) == PEOPLE
    for number in range(PEOPLE):
        texts = said[visitor_id(f"person {number}")]
        assert [text.rpartition("the ")[2] for text in texts] == [f"{count}th time" for count in range(QUESTIONS)]
