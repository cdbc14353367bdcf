"""Names that a shell completes: environments, runbooks, runs, steps, stores. Silent where something is wrong."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from drx.errors import DrxError
from drx.files import read_regular

if TYPE_CHECKING:
    from drx.config.model import Settings

_MOST_RUNS = 50
_NO_LONGER = ("StepSucceeded", "StepFailed", "StepTimedOut", "StepCancelled", "StepSkipped")
"""After these, a step waits for nobody."""


def runbooks(incomplete: str) -> list[str]:
    """Runbooks by id."""
    return _beginning(incomplete, _files("runbooks"))


def drills(incomplete: str) -> list[str]:
    """Drills by id."""
    return _beginning(incomplete, _files("drills"))


def environments(incomplete: str) -> list[str]:
    """Environments of drx.yaml; references in it are not read."""
    settings = _settings()
    return _beginning(incomplete, list(settings.environments) if settings else [])


def checkable(incomplete: str) -> list[str]:
    """Runbooks and drills by id; files the shell completes by itself."""
    return _beginning(incomplete, sorted({*_files("runbooks"), *_files("drills")}))


def actions(incomplete: str) -> list[str]:
    """Actions, and the families they belong to."""
    from drx.actions.registry import all_actions

    found: list[str] = []
    with suppress(DrxError):
        found = [action.spec.name for action in all_actions()]
    families = {name.partition(".")[0] for name in found}
    return _beginning(incomplete, sorted({*found, *families}))


def stores(incomplete: str) -> list[str]:
    """The primary store and each copy, by their labels."""
    from drx.config.target import COPY, PRIMARY

    settings = _settings()
    if settings is None or settings.backups is None:
        return []
    copies = [f"{COPY}-{number}" for number in range(1, len(settings.backups.copies) + 1)]
    return _beginning(incomplete, [PRIMARY, *copies])


def sandboxes(incomplete: str) -> list[str]:
    """Sandboxes that there are, and the usual one."""
    from drx.cli.sandbox import DEFAULT
    from drx.cli.sandbox import sandboxes as folder

    found = {DEFAULT}
    with suppress(DrxError, OSError):
        found |= {path.name for path in folder(_root()).iterdir() if path.is_dir()}
    return _beginning(incomplete, sorted(found))


def among(*words: str) -> Callable[[str], list[str]]:
    """Complete one of a few words."""

    def complete(incomplete: str) -> list[str]:
        return _beginning(incomplete, list(words))

    return complete


def runs(incomplete: str) -> list[str]:
    """Runs, the newest first."""
    return _beginning(incomplete, [path.name for path in _records()[:_MOST_RUNS]])


def steps(context: typer.Context, incomplete: str) -> list[str]:
    """Steps that wait for a person, of the run that was named before."""
    return _beginning(incomplete, waiting_in(str(context.params.get("run_name") or "")))


def waiting_in(run: str) -> list[str]:
    """Steps of a run, the newest unless it is named, that wait for a person; the newest question first."""
    from drx.journal import JOURNAL
    from drx.runner.naming import named_run

    found: dict[str, None] = {}
    with suppress(DrxError, OSError, ValueError, KeyError, TypeError, IndexError):
        records = {record.name: record for record in _records()}
        record = records[named_run(list(records), run, "")] if run else _records()[0]
        for line in read_regular(record / JOURNAL).splitlines():
            event = json.loads(line)
            step = str(event["data"].get("step", ""))
            if event["type"] == "StepWaiting":
                found[step] = None
            elif event["type"] in _NO_LONGER:
                found.pop(step, None)
    return list(reversed(found))


def _beginning(incomplete: str, names: "Iterator[str] | list[str]") -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _files(folder: str) -> list[str]:
    """Ids, by the names of files; one whose name is no id is completed by its path, which the shell knows to quote."""
    from drx.fields import IDENTIFIER

    try:
        stems = (path.stem for path in (_root() / folder).glob("*.yaml"))
        return sorted(stem for stem in stems if re.match(IDENTIFIER, stem))
    except (DrxError, OSError):
        return []


def _records() -> list[Path]:
    try:
        return sorted((_root() / "drills" / "records").glob("20*"), reverse=True)
    except (DrxError, OSError):
        return []


def _settings() -> "Settings | None":
    from drx.config import load_config

    try:
        return load_config(_root() / "drx.yaml").settings
    except (DrxError, OSError):
        return None


def _root() -> Path:
    from drx.config import find_config

    return find_config(Path.cwd()).parent
