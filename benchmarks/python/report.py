"""The rows, and whether each meets its bar."""

from dataclasses import dataclass, field


@dataclass
class Report:
    """All rows of a run."""

    rows: list[tuple[str, str]] = field(default_factory=list)

    def at_most(self, what: str, figure: float, bar: float, aside: str = "") -> None:
        """A figure that must not be above ``bar``."""
        self._row(what, figure, f"≤ {bar}", figure <= bar, aside)

    def at_least(self, what: str, figure: float, bar: float, aside: str = "") -> None:
        """A figure that must not be below ``bar``."""
        self._row(what, figure, f"≥ {bar}", figure >= bar, aside)

    def print(self) -> None:
        width = max(len(what) for what, _ in self.rows)
        for what, figure in self.rows:
            print(f"{what:{width}}  {figure}")

    def _row(self, what: str, figure: float, bar: str, is_met: bool, aside: str) -> None:
        verdict = "met" if is_met else "MISSED"
        self.rows.append((what, f"{figure:.2f}  {aside}  (bar {bar}: {verdict})"))
