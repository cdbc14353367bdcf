"""Name what a runbook calls outside of itself: scripts of the project, packages that bring actions. Runs nothing."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from drx.actions.registry import packages
from drx.runbook.model import Runbook

_WORD = re.compile(r"""[^\s'"|&;<>()]+""")


def called(runbook: Runbook, root: Path) -> Iterator[str]:
    """Give each script with its SHA-256, and each package with its version, in a fixed order.

    A script is a file of the project, `root`, that a command of `shell.run` names, other than by an expression.
    """
    calls = tuple(_calls(runbook.model_dump(by_alias=True)))
    yield from packages({name.partition(".")[0] for name, _ in calls})
    paths = {path for name, given in calls if name == "shell.run" for path in _paths(given)}
    for path in sorted(paths):
        with suppress(OSError, RuntimeError):  # a link may lead in circles
            found = (root / path).resolve()
            if found.is_relative_to(root.resolve()) and found.is_file():
                with found.open("rb") as file:  # what is named may be large data, too
                    yield f"{path} {hashlib.file_digest(file, 'sha256').hexdigest()}"


def _calls(value: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Every action of a runbook with its parameters: of steps, probes, verifications and rollbacks, at any depth."""
    match value:
        case {"action": str() as name, "with": Mapping() as given}:
            yield name, given
    match value:
        case Mapping():
            for inner in value.values():
                yield from _calls(inner)
        case list() | tuple():
            for inner in value:
                yield from _calls(inner)


def _paths(given: Mapping[str, object]) -> Iterator[str]:
    command = given.get("command")
    words = command if isinstance(command, list | tuple) else _WORD.findall(str(command))
    for word in words:
        yield str(word)
        yield f"{given.get('cwd') or '.'}/{word}"
