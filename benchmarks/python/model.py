"""A model that answers with the question, and goes on answering until it is let end: as the emulator's brain it keeps
any number of replies in mid-stream."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

PIECE = 40.0
"""Seconds: an answer that pauses for a minute is broken off by the emulator."""


class Model:
    """Says the question once more in each answer, and ends it, when ``ending`` is set."""

    def __init__(self) -> None:
        self.ending = asyncio.Event()
        self.settings: dict[str, Any] = {}
        """The emulator's settings."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        asked = (await request.json())["messages"][-1]["content"]
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(_piece(asked))
        while not self.ending.is_set():
            try:
                await asyncio.wait_for(self.ending.wait(), PIECE)
            except TimeoutError:
                await response.write(_piece(" …"))
        await response.write(_piece(f" {asked}", "stop") + b"data: [DONE]\n\n")
        return response


def _piece(content: str, finish_reason: str | None = None) -> bytes:
    choice = {"delta": {"content": content}, "finish_reason": finish_reason}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


@asynccontextmanager
async def running() -> AsyncIterator[Model]:
    """Runs the model in this process."""
    model = Model()
    app = web.Application()
    app.router.add_post("/chat/completions", model.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    port = runner.addresses[0][1]
    endpoint = {"url": f"http://127.0.0.1:{port}", "model": "repeats", "context": 0, "timeout": "3600s"}
    model.settings = {"brain": {"openai": endpoint}}
    try:
        yield model
    finally:
        await runner.cleanup()
