"""Dify's class for models with OpenAI's API, of the wheel that Dify's plugins are built on, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from gateway import TOKEN, Stage

# gevent, on which the class stands, is in a process of its own. The package's `__init__` wants Python 3.12 and plugins'
# parts; the class does not.
PROGRAM = """
import json, sys, types

package = types.ModuleType("dify_plugin")
package.__path__ = [sys.argv[1] + "/dify_plugin"]
sys.modules["dify_plugin"] = package
from dify_plugin.entities.model.message import AssistantPromptMessage, SystemPromptMessage, UserPromptMessage
from dify_plugin.interfaces.model.openai_compatible.llm import OAICompatLargeLanguageModel

# It would fetch a vocabulary from the internet to count with.
OAICompatLargeLanguageModel._get_num_tokens_by_gpt2 = lambda self, text: 1
call = json.loads(sys.argv[2])
model = OAICompatLargeLanguageModel(model_schemas=[])
try:
    if call["what"] == "validate":
        model.validate_credentials(call["model"], call["credentials"])
        print(json.dumps({"text": "", "finish": "valid"}))
    else:
        messages = [SystemPromptMessage(content="You are a pirate"), UserPromptMessage(content="My name is Ada"),
                    AssistantPromptMessage(content="Hello Ada"), UserPromptMessage(content="And who are you?")]
        parameters = {"temperature": 0.3}
        given = (call["model"], call["credentials"], messages, parameters, None, None, call["stream"], call["user"])
        text, finish, tools = "", None, 0
        for chunk in model.invoke(*given):
            text += chunk.delta.message.content
            tools += len(chunk.delta.message.tool_calls)
            finish = chunk.delta.finish_reason or finish
        print(json.dumps({"text": text, "finish": finish, "tools": tools}))
except Exception as error:
    print(json.dumps({"error": type(error).__name__, "message": str(error)}))
"""


class Dify:
    """Asks as Dify does, and returns what its class gives, or the class of its error."""

    def __init__(self, stage: Stage, wheels: Path) -> None:
        self._stage = stage
        self._wheels = wheels

    def __call__(
        self, what: str = "invoke", *, key: str = TOKEN, user: str | None = "ada", **options: Any
    ) -> dict[str, Any]:
        given = options.pop("credentials", {})
        credentials = {"endpoint_url": self._stage.base_url, "api_key": key, "mode": "chat", **given}
        call = {"what": what, "model": "avatar", "user": user, "stream": False, "credentials": credentials, **options}
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(self._wheels), json.dumps(call)],
            capture_output=True,
            text=True,
            env={"NO_PROXY": "127.0.0.1"},
            check=False,
        )
        assert run.stdout, run.stderr
        answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
        return answer
