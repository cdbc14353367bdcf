"""What is wrong with a document, where, and what to do about it. Holds no reading."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from drx.errors import InvalidInput

Path = Sequence[str | int]
"""How to reach a value from the top of a document: keys and list positions."""

SHOWN_CHARACTERS = 40


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; `str()` is the line a person reads."""

    source: str
    line: int
    column: int
    message: str
    remedy: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        mark = "warning: " if self.severity == "warning" else ""
        return f"{self.source}:{self.line}:{self.column}: {mark}{self.message}. {self.remedy}"


class InvalidDocument(InvalidInput):
    """A document cannot be used; carries every problem found in it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Give every problem once, in the order of the file."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.line, problem.column))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Find the known name that a misspelt one most likely means; capitals make no difference."""
    from difflib import get_close_matches

    spelled = {each.lower(): each for each in known}
    return next((spelled[each] for each in get_close_matches(name[: SHOWN_CHARACTERS * 2].lower(), spelled, n=1)), None)


def suggest(name: str, known: Iterable[str], otherwise: str = "Known here") -> str:
    """Say which known name is meant, or else what there is."""
    names = list(known)
    match = nearest(name, names)
    if match:
        return f"Did you mean '{match}'?"
    return f"{otherwise}: {', '.join(names)}" if names else "Nothing of the kind is known here: remove it"


def shown(value: object) -> str:
    """Write a value so that it fits in a message and moves no cursor."""
    text = value if isinstance(value, str) else repr(value)
    printable = "".join(character if character.isprintable() else "?" for character in text[: SHOWN_CHARACTERS + 1])
    return printable if len(printable) <= SHOWN_CHARACTERS else printable[:SHOWN_CHARACTERS] + "..."
