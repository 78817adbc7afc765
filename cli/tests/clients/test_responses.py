"""The API of responses, through OpenAI's SDK and what stands on it."""

from __future__ import annotations

import openai
import pytest
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIResponsesModel

from gateway import Stage, visitor_id
from test_frameworks import ANSWER, TURNS, VISITOR, langchain, provider
from test_openai import HISTORY, client


def test_a_response_is_whole_or_streamed_and_can_be_asked_for_again(stage: Stage) -> None:
    responses = client(stage).responses
    whole = responses.create(model="avatar", input="Hello", safety_identifier="ada", instructions="You are a pirate")
    assert (whole.output_text, whole.status, whole.error) == ("You said: Hello", "completed", None)
    again = responses.retrieve(whole.id)
    assert again.output_text == whole.output_text
    events = list(responses.create(model="avatar", input=HISTORY[1:], safety_identifier="ada", stream=True))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == "You said: And who are you?"
    assert [events[0].type, events[-1].type] == ["response.created", "response.completed"]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    with responses.stream(model="avatar", input="Once more", safety_identifier="ada") as stream:
        assert stream.get_final_response().output_text == "You said: Once more"
    assert stage.said() == {visitor_id("ada"): ["Hello", "And who are you?", "Once more"]}
    responses.delete(whole.id)
    with pytest.raises(openai.NotFoundError):
        responses.retrieve(whole.id)


def test_langchain_asks_through_responses(stage: Stage) -> None:
    model = langchain(stage, default_headers=VISITOR, use_responses_api=True)
    assert model.invoke(TURNS).text == ANSWER
    assert "".join(chunk.text for chunk in model.stream(TURNS)) == ANSWER
    assert stage.said() == {visitor_id("ada"): ["And who are you?"] * 2}


def test_pydantic_ai_asks_through_responses(stage: Stage) -> None:
    model = OpenAIResponsesModel("avatar", provider=provider(stage), settings={"extra_headers": VISITOR})
    first = Agent(model).run_sync("My name is Ada")
    assert first.output == "You said: My name is Ada"
    second = Agent(model).run_sync("And who are you?", message_history=first.all_messages())
    assert second.output == ANSWER
    assert stage.said() == {visitor_id("ada"): ["My name is Ada", "And who are you?"]}
