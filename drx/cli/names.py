"""Names that a shell completes: environments, runbooks, drills, runs, steps. Silent where something is wrong."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from drx.errors import DrxError

_MOST_RUNS = 50


def runbooks(incomplete: str) -> list[str]:
    """Runbooks by id."""
    return _beginning(incomplete, _files("runbooks"))


def drills(incomplete: str) -> list[str]:
    """Drills by id."""
    return _beginning(incomplete, _files("drills"))


def environments(incomplete: str) -> list[str]:
    """Environments of drx.yaml; references in it are not read."""
    from drx.config import load_config

    names: list[str] = []
    with suppress(DrxError, OSError):
        names = list(load_config(_root() / "drx.yaml").settings.environments)
    return _beginning(incomplete, names)


def runs(incomplete: str) -> list[str]:
    """Runs, the newest first."""
    return _beginning(incomplete, [path.name for path in _records()[:_MOST_RUNS]])


def steps(incomplete: str) -> list[str]:
    """Steps of the newest run that wait for a person."""
    from drx.journal import JOURNAL

    found: dict[str, None] = {}
    with suppress(OSError, ValueError, KeyError, TypeError):
        for record in _records()[:1]:
            for line in (record / JOURNAL).read_bytes().splitlines():
                event = json.loads(line)
                if event["type"] == "StepWaiting":
                    found[str(event["data"]["step"])] = None
    return _beginning(incomplete, reversed(found))


def _beginning(incomplete: str, names: "Iterator[str] | list[str]") -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _files(folder: str) -> list[str]:
    try:
        return sorted(path.stem for path in (_root() / folder).glob("*.yaml"))
    except (DrxError, OSError):
        return []


def _records() -> list[Path]:
    try:
        return sorted((_root() / "drills" / "records").glob("20*"), reverse=True)
    except (DrxError, OSError):
        return []


def _root() -> Path:
    from drx.config import find_config

    return find_config(Path.cwd()).parent
