"""What programs send that no person wrote: titles, tags, follow-up questions. Open WebUI's are read from its wheel."""

# ruff: noqa: RUF001 (Chinese has commas of its own.)

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from conftest import Staged
from gateway import TOKEN, Stage, visitor_id

PERSON = {"X-Avatar-Visitor": "ada"}
CHAT = "USER: Hello, who are you?\nASSISTANT: I am the avatar of Ada."
SAID = "Hello, who are you?"


def templates(wheels: Path) -> dict[str, str]:
    """The prompts of Open WebUI: all string constants of a module whose names say so."""
    found: dict[str, str] = {}
    for module in ("config.py", "utils/context_compaction.py"):
        for node in ast.parse((wheels / "open_webui" / module).read_text("utf-8")).body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))) if (
                    name.startswith("DEFAULT_") and "PROMPT" in name
                ):
                    found[name] = text
    return found


def filled(template: str) -> str:
    """As Open WebUI fills it in."""
    values = {"{{CURRENT_DATE}}": "2026-11-28", "{{TYPE}}": "General", "{{PROMPT}}": SAID, "{{prompt}}": SAID}
    for name, value in values.items():
        template = template.replace(name, value)
    begin, _, end = template.partition("{{MESSAGES:END:")
    return begin + CHAT + end.partition("}}")[2] if end else template


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


# Each with the field of the JSON object that its program reads; an empty one where it takes the text as it is.
OPEN_WEBUI = {
    "TITLE_GENERATION": "title",
    "TAGS_GENERATION": "tags",
    "FOLLOW_UP_GENERATION": "follow_ups",
    "QUERY_GENERATION": "queries",
    "AUTOCOMPLETE_GENERATION": "text",
    "IMAGE_PROMPT_GENERATION": "prompt",
    "EMOJI_GENERATION": "",
}
# As they stand in public copies of the programs' sources.
OTHERS: dict[str, list[dict[str, str]]] = {
    "LibreChat, by a completion": [
        user(
            "Provide a concise, 5-word-or-less title for the conversation, using title case conventions. "
            f"Only return the title itself.\n\nConversation:\n{CHAT}"
        )
    ],
    "LibreChat, by its default": [
        user(
            "Analyze this conversation and provide:\n1. The detected language of the conversation\n2. A concise title "
            f"in the detected language (5 words or less, no punctuation or quotation)\n\n{CHAT}"
        )
    ],
    "LobeChat": [
        system("你是一名擅长会话的助理，你需要将用户的会话总结为 10 个字以内的标题"),
        user(f"user: {SAID}\n\n请总结上述对话为10个字以内的标题，不需要包含标点符号，输出语言语种为：zh-CN"),
    ],
    "Cherry Studio": [
        system("你是一名擅长会话的助理，你需要将用户的会话总结为 10 个字以内的标题，不要使用标点符号和其他特殊符号。"),
        user(SAID),
        user("I am the avatar of Ada."),
    ],
}


def ask(stage: Stage, messages: list[dict[str, str]], **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {TOKEN}", **options.pop("headers", PERSON)}
    body = {"model": "avatar", "messages": messages, "stream": False, **options}
    with httpx.Client(trust_env=False, timeout=30) as http:
        return http.post(f"{stage.base_url}/chat/completions", json=body, headers=headers)


def text_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["choices"][0]["message"]["content"])


def test_no_prompt_of_open_webui_reaches_the_avatar(stage: Stage, wheels: Path) -> None:
    found = templates(wheels)

    def prompt(name: str) -> list[dict[str, str]]:
        return [user(filled(found[f"DEFAULT_{name}_PROMPT_TEMPLATE"]))]

    for name, field in OPEN_WEBUI.items():
        said = text_of(ask(stage, prompt(name)))
        assert not field or field in json.loads(said), name
    assert text_of(ask(stage, [user(filled(found["DEFAULT_CONTEXT_COMPACTION_PROMPT"]))]))
    tools = found["DEFAULT_TOOLS_FUNCTION_CALLING_PROMPT_TEMPLATE"].replace("{{TOOLS}}", "[]")
    asked = [system(tools), user(f"History:\n{CHAT}\nQuery: {SAID}")]
    assert json.loads(text_of(ask(stage, asked))) == {"tool_calls": []}
    # One answer out of several is work for a model.
    refused = ask(stage, prompt("MOA_GENERATION"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "task_refused")
    assert stage.said() == {}


def test_a_title_is_what_the_person_said_first(stage: Stage, wheels: Path) -> None:
    title = text_of(ask(stage, [user(filled(templates(wheels)["DEFAULT_TITLE_GENERATION_PROMPT_TEMPLATE"]))]))
    assert json.loads(title)["title"] == SAID
    assert text_of(ask(stage, OTHERS["LibreChat, by a completion"])) == SAID


@pytest.mark.parametrize("program", OTHERS)
def test_no_prompt_of_other_programs_reaches_the_avatar(stage: Stage, program: str) -> None:
    assert text_of(ask(stage, OTHERS[program])).strip()
    structured = {"response_format": {"type": "json_schema", "json_schema": {"name": "t", "schema": {}}}}
    assert json.loads(text_of(ask(stage, OTHERS[program], **structured)))["title"] == SAID
    streamed = ask(stage, OTHERS[program], stream=True)
    assert (streamed.status_code, streamed.text.endswith("data: [DONE]\n\n")) == (200, True)
    assert stage.said() == {}


def test_a_task_that_a_header_names_is_one_whatever_it_says(stage: Stage) -> None:
    headers = {**PERSON, "X-Avatar-Task": "title_generation"}
    assert text_of(ask(stage, [user("Nenne einen Titel")], headers=headers))
    # Open WebUI fills the header with nothing for what a person writes.
    assert text_of(ask(stage, [user("Hello")], headers={**PERSON, "X-Avatar-Task": ""})) == "You said: Hello"
    assert stage.said() == {visitor_id("ada"): ["Hello"]}


def test_what_a_person_writes_is_asked_even_where_it_looks_alike(stage: Stage, wheels: Path) -> None:
    source = (wheels / "open_webui/config.py").read_text("utf-8")
    # With a file at hand Open WebUI puts this before the person's own words.
    rag = source.partition('DEFAULT_RAG_TEMPLATE = """')[2].partition('"""')[0]
    assert rag.startswith("### Task:")
    texts = [
        rag.replace("{{CONTEXT}}", '<source id="1">Prices: 12 €</source>') + "\n\nWhat does it cost?",
        "What would be a concise title for my book?",
        "Generate a concise title for my talk, please",
        "I said: ### Task: mow the lawn",
    ]
    for text in texts:
        assert text_of(ask(stage, [user(text)])) == f"You said: {text}".strip()
    assert stage.said() == {visitor_id("ada"): texts}


def test_open_webuis_signed_user_is_the_visitor_and_no_other_is_believed(staged: Staged) -> None:
    secret = "a secret of Open WebUI and the gateway"
    stage = staged(env={"SECONDME_SERVE_OPENWEBUI_SECRET": secret})

    def signed(key: str, **claims: Any) -> dict[str, str]:
        now = 4_000_000_000
        given = {"sub": "ada", "name": "Ada L", "role": "user", "iss": "open-webui", "iat": 1, "exp": now, **claims}
        return {"X-OpenWebUI-User-Jwt": jwt.encode(given, key, algorithm="HS256")}

    assert text_of(ask(stage, [user("Hello")], headers=signed(secret))) == "You said: Hello"
    forged = signed("another secret of the same length......")
    for headers in (forged, signed(secret, exp=2), {"X-OpenWebUI-User-Id": "ada"}):
        assert ask(stage, [user("Who am I?")], headers=headers).status_code in (400, 401)
    assert stage.said() == {visitor_id("ada"): ["Hello"]}


def test_a_task_names_no_one_and_needs_no_one(stage: Stage, wheels: Path) -> None:
    prompt = filled(templates(wheels)["DEFAULT_TAGS_GENERATION_PROMPT_TEMPLATE"])
    assert json.loads(text_of(ask(stage, [user(prompt)], headers={}))) == {"tags": []}
