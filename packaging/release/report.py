"""What a check has found, said line by line."""

from dataclasses import dataclass, field

WRONG, NOT_ALL = 1, 3


@dataclass
class Report:
    """Collects what was checked, what is wrong, and what could not be checked."""

    everything: bool = False
    """Whether all has to be checked and decided, as for the release itself."""
    checked: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    """What a person has to do or to decide before a release."""
    unchecked: list[str] = field(default_factory=list)
    needless: list[str] = field(default_factory=list)
    """What there is nothing to check of, and why."""
    missing_tools: bool = False

    def say(self, text: str, problems: list[str]) -> None:
        """Adds a check by what it looked at, or the problems that it found."""
        if problems:
            self.wrong += problems
        else:
            self.checked.append(text)

    def without(self, tool: str, what: str) -> None:
        """Adds a check that could not be made, because a tool is not installed."""
        self.missing_tools = True
        self.unchecked.append(f"{what}: {tool} is not installed")

    def lines(self) -> list[str]:
        kinds = [
            ("ok", self.checked),
            ("nothing to do", self.needless),
            ("not checked", self.unchecked),
            ("undecided", self.undecided),
        ]
        kinds.append(("WRONG", self.wrong))
        return [f"{kind:13}  {text}" for kind, texts in kinds for text in texts]

    def status(self, *, in_ci: bool) -> int:
        """Returns 1 if something is wrong, and 3 if everything has to be checked and decided, and is not."""
        if self.wrong or (in_ci and self.missing_tools):
            return WRONG
        return NOT_ALL if self.everything and (self.undecided or self.unchecked) else 0
