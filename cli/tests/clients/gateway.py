"""`avatar serve` under test, between a real client and the emulator."""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import httpx

AVATAR = os.environ["AVATAR"]
TOKEN = "0123456789abcdef0123456789"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "visitor.secondme-avatar")
# What a program that is started says first: it is ready.
PATIENCE = 20.0


def visitor_id(user: str, caller: str = "tests") -> str:
    """The visitor that a user of a caller is, as docs/protocol.md makes ids."""
    return f"{caller}_{uuid.uuid5(NAMESPACE, f'{caller}:{user}')}"


class Program:
    """A running program that ends when its standard input does."""

    def __init__(self, *args: str, env: Mapping[str, str]) -> None:
        command = [AVATAR, *args, "--json", "--port", "0", "--until-stdin-ends"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SECONDME_")}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=kept | dict(env), text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{command} did not start: {self._process.communicate()[1]}")
        self.ready: dict[str, Any] = json.loads(line)

    def stop(self) -> str:
        """Ends it in good order, and returns its log."""
        _, log = self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode == 0, log
        return log


class Stage:
    """A gateway in front of an emulator of its own."""

    def __init__(
        self,
        *args: str,
        settings: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        emulated: tuple[str, ...] = (),
    ) -> None:
        self._emulator = Program("emulator", *emulated, env={})
        self._http = httpx.Client(base_url=self._emulator.ready["control_url"], trust_env=False, timeout=PATIENCE)
        self.control("settings", {"quota-per-minute": 1000, **(settings or {})})
        given = {
            "SECONDME_BASE_URL": self._emulator.ready["base_url"],
            "SECONDME_API_KEY": self._emulator.ready["api_key"],
            "SECONDME_SERVE_TOKEN": f"tests:{TOKEN},other:{TOKEN[::-1]}",
        }
        try:
            self._gateway = Program("serve", *args, env=given | dict(env or {}))
        except BaseException:
            self._emulator.stop()
            raise
        self.base_url: str = self._gateway.ready["base_url"]

    def stop(self) -> str:
        try:
            return self._gateway.stop()
        finally:
            self._http.close()
            self._emulator.stop()

    def control(self, call: str, body: object = None) -> Any:
        """A call of the emulator's control API."""
        answer = self._http.get(call) if body is None else self._http.post(call, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def said(self) -> dict[str, list[str]]:
        """What the avatar's owner sees that visitors have said, by visitor."""
        said: dict[str, list[str]] = {}
        for session in self.control("state")["sessions"]:
            texts = [message["text"] for message in session["messages"] if message["author"] == "visitor"]
            said.setdefault(session["visitorId"], []).extend(texts)
        return {visitor: texts for visitor, texts in said.items() if texts}

    def wait_until(self, is_met: Callable[[dict[str, list[str]]], bool]) -> None:
        """Waits for what the visitors have said."""
        end = time.monotonic() + PATIENCE
        while not is_met(self.said()):
            assert time.monotonic() < end, f"it never came to that: {self.said()}"

    def session(self, user: str) -> str:
        """The session of a visitor."""
        sessions = self.control("state")["sessions"]
        return next(found["sessionId"] for found in sessions if found["visitorId"] == visitor_id(user))
