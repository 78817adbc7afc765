"""One question, one answer, one after the other: how long it takes, beside a client written by hand."""

import os
import time
from collections.abc import Awaitable, Callable
from statistics import median

import aiohttp

from by_hand import ByHand
from report import Report
from secondme_avatar import Visitor
from secondme_avatar.testing import Emulator

ASKS = int(os.environ.get("ASKS", "300"))
RUNS = int(os.environ.get("REPEAT", "5"))

SETTINGS = {"quota_per_minute": 1_000_000}


async def measure(report: Report) -> None:
    mine, theirs = [], []
    async with Emulator(settings=SETTINGS) as emulator, emulator.client() as client, aiohttp.ClientSession() as http:
        ours = await client.open(Visitor.for_user("bench", "ours"))
        hand = ByHand(http, emulator.base_url, Visitor.for_user("bench", "hand").id)
        await hand.open(emulator.api_key)
        for run in range(RUNS + 1):
            ours_took, hand_took = await middle(ours.ask), await middle(hand.ask)
            if run:
                mine.append(ours_took)
                theirs.append(hand_took)
        await hand.close()
    ratio = median(a / b for a, b in zip(mine, theirs, strict=True))
    aside = f"({median(mine) * 1e3:.3f} ms, by hand {median(theirs) * 1e3:.3f} ms)"
    report.at_most("ask, round trip p50, of aiohttp by hand", ratio, 0.7, aside)


async def middle(ask: Callable[[str], Awaitable[object]]) -> float:
    times = []
    for number in range(ASKS):
        started = time.perf_counter()
        await ask(f"question {number}")
        times.append(time.perf_counter() - started)
    return median(times)
