"""What a thousand conversations cost that are live and idle, heartbeats running: resident memory of a process that
holds nothing else."""

import asyncio
import subprocess
import sys
from pathlib import Path

import aiohttp

from by_hand import ByHand
from report import Report
from secondme_avatar import AvatarClient, Visitor
from secondme_avatar.testing import SyncEmulator

CONVERSATIONS = 1_000
WARM_UP = 50
"""Opened before anything is measured: runtime, HTTP client and allocator warm up."""
HEARTBEATS = 17
"""Seconds, long enough for every conversation to have sent a ping."""


def measure(report: Report) -> None:
    kib = {}
    for side in ("ours", "by hand"):
        with SyncEmulator(settings={"quota_per_minute": 1_000_000}) as emulator:
            command = [sys.executable, __file__, side, emulator.base_url, emulator.api_key]
            kib[side] = float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    aside = f"({kib['ours']:.1f} KiB, by hand {kib['by hand']:.1f} KiB)"
    report.at_most("1,000 live conversations, memory, of aiohttp by hand", kib["ours"] / kib["by hand"], 0.8, aside)


async def ours(base_url: str, key: str) -> float:
    chats = []
    async with AvatarClient(key, base_url=base_url, quota=1_000_000) as client:

        async def open(numbers: range) -> None:
            for number in numbers:
                chats.append(await client.open(Visitor.for_user("bench", f"{number}")))

        await open(range(WARM_UP))
        before = resident()
        await open(range(WARM_UP, WARM_UP + CONVERSATIONS))
        await asyncio.sleep(HEARTBEATS)
        stats = client.stats()
        assert stats.connected == len(chats) <= stats.pings
        return resident() - before


async def by_hand(base_url: str, key: str) -> float:
    chats = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def open(numbers: range) -> None:
            for number in numbers:
                visitor = Visitor.for_user("bench", f"{number}").id
                chats.append(await ByHand(http, base_url, visitor).open(key))

        await open(range(WARM_UP))
        before = resident()
        await open(range(WARM_UP, WARM_UP + CONVERSATIONS))
        await asyncio.sleep(HEARTBEATS)
        assert not any(chat.socket.closed for chat in chats)
        took = resident() - before
        await asyncio.gather(*(chat.close() for chat in chats))
        return took


def resident(process: int | str = "self") -> float:
    """KiB that a process has in memory: this row needs Linux."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


if __name__ == "__main__":
    side, base_url, key = sys.argv[1:]
    print(asyncio.run((ours if side == "ours" else by_hand)(base_url, key)) / CONVERSATIONS)
