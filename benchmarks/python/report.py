"""The rows, and whether each meets its bar."""

import json
import os
from dataclasses import dataclass, field


@dataclass
class Report:
    """All rows of a run."""

    rows: list[tuple[str, str]] = field(default_factory=list)
    row: str = ""
    """The row that the figures belong to, such as ``python/ask``."""

    def at_most(self, what: str, figure: float, bar: float, aside: str = "") -> None:
        """A figure that must not be above ``bar``."""
        self._add(what, figure, ("atMost", "≤", bar), figure <= bar, aside)

    def at_least(self, what: str, figure: float, bar: float, aside: str = "") -> None:
        """A figure that must not be below ``bar``."""
        self._add(what, figure, ("atLeast", "≥", bar), figure >= bar, aside)

    def print(self) -> None:
        width = max(len(what) for what, _ in self.rows)
        for what, figure in self.rows:
            print(f"{what:{width}}  {figure}")

    def _add(self, what: str, figure: float, bar: tuple[str, str, float], is_met: bool, aside: str) -> None:
        name, sign, limit = bar
        verdict = "met" if is_met else "MISSED"
        self.rows.append((what, f"{figure:.2f}  {aside}  (bar {sign} {limit}: {verdict})"))
        # A line for `make bench`, which keeps it: benchmarks/src/results.rs reads it.
        if path := os.environ.get("BENCHMARK_LINES"):
            line = {"row": self.row, "what": what, "figure": figure, "aside": aside}
            with open(path, "a", encoding="utf-8") as lines:
                lines.write(json.dumps(line | {"bar": {name: limit}, "load": os.getloadavg()[0]}) + "\n")
