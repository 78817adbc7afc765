"""How long it takes to import, and how often an exit with open conversations goes wrong."""

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from report import Report

IMPORT = "import time; t = time.perf_counter(); import {}; print((time.perf_counter() - t) * 1e3)"
TESTS = Path(__file__).parents[2] / "python"


def measure(report: Report) -> None:
    times: dict[str, list[float]] = {"secondme_avatar": [], "asyncio": []}
    for _ in range(21):
        for module, took in times.items():
            took.append(float(subprocess.check_output([sys.executable, "-c", IMPORT.format(module)], text=True)))
    aside = f"(asyncio alone {median(times['asyncio']):.0f})"
    report.at_most("import secondme_avatar, ms", median(times["secondme_avatar"]), 50, aside)


def measure_exits(report: Report) -> None:
    """The test of the tests, 25 times each of the four ways out, with every CPython at hand."""
    runs = int(os.environ.get("EXIT_RUNS", "25"))
    pytest = Path(sys.prefix).parent / "python" / "bin" / "pytest"
    command = [pytest, "-q", "-k", "exit_with_open", "tests/test_process.py"]
    ended = subprocess.run(command, cwd=TESTS, env={**os.environ, "EXIT_RUNS": str(runs)}, check=False)
    report.at_most(f"exits gone wrong, of {4 * runs} with each CPython", float(ended.returncode != 0), 0)
