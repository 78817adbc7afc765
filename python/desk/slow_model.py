"""A model behind the avatar that speaks for as long as the test wants: what is ended is ended in the middle, on a slow
machine too."""

import asyncio
import json

from aiohttp import web

WORD_EVERY = 0.3


class Model:
    """An OpenAI-compatible endpoint. It echoes; a question with the word ``long`` is answered word by word until
    ``release``, and then to its end."""

    def __init__(self) -> None:
        self._gates: dict[str, asyncio.Event] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Starts it, and returns its URL."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        return f"http://127.0.0.1:{port}/v1"

    async def close(self) -> None:
        if self._runner is not None:
            for gate in self._gates.values():
                gate.set()
            await self._runner.cleanup()

    def release(self, question: str) -> None:
        """Lets the answer to a question come to its end."""
        self._gate(question).set()

    def _gate(self, question: str) -> asyncio.Event:
        return self._gates.setdefault(question, asyncio.Event())

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        question = (await request.json())["messages"][-1]["content"]
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)

        async def say(text: str) -> None:
            piece = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
            await response.write(f"data: {json.dumps(piece)}\n\n".encode())

        await say(f"You said: {question}")
        gate, number = self._gate(question), 0
        while " long" in question and not gate.is_set():
            await say(f" w{number}")
            number += 1
            await asyncio.wait({asyncio.create_task(gate.wait())}, timeout=WORD_EVERY)
        if " long" in question:
            await say(" THE REST")
        await response.write(b"data: [DONE]\n\n")
        return response
