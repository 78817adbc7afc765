"""The figures of the Python package, each beside what is written by hand, on the same frames: run.py PROGRAMS [ROW…]

PROGRAMS is the folder of the benchmark server and of the emulator, both built for release.
"""

import asyncio
import os
import sys
from pathlib import Path

import ask
import events
import memory
import start
import widget
from report import Report

ROWS = {
    "events": lambda report: asyncio.run(events.measure(report)),
    "ask": lambda report: asyncio.run(ask.measure(report)),
    "memory": memory.measure,
    "start": start.measure,
    "exits": start.measure_exits,
    "widget": widget.measure,
}


def main(programs: Path, rows: list[str]) -> None:
    os.environ["SECONDME_AVATAR_EMULATOR"] = str(programs / "secondme-avatar-emulator")
    os.environ["BENCHMARK_SERVER"] = str(programs / "secondme-avatar-benchmarks")
    report = Report()
    for name in rows or ROWS:
        report.row = f"python/{name}"
        ROWS[name](report)
    report.print()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
