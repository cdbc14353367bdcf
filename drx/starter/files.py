"""Put drx.yaml, runbooks and drills together, and say what is left to do about them. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from drx.config.load import FILE_NAME
from drx.runbook.catalogue import Catalogue
from drx.runbook.load import DRILLS, RUNBOOKS, Binder
from drx.runbook.timing import critical_path
from drx.starter.answers import Answers
from drx.starter.config import write_config
from drx.starter.fitting import Part, lacking, missing_parts, own_drill, own_runbook
from drx.units import parse_duration

_IGNORED = """\
# What drx leaves on this machine. Records are evidence: `records:` in drx.yaml copies them to a bucket.
drills/records/
.drx/
"""
_EXAMPLE_OBJECTIVES = "objectives: {rto: 2h, rpo: 1h}\n"
_EXAMPLE_DATA = re.compile(r"\bimages?\b")


@dataclass(frozen=True)
class Starter:
    """What `drx init` writes, by path, and what it has to say about it."""

    files: Mapping[str, str]
    left_out: Mapping[str, frozenset[Part]]
    """Runbooks that do not fit, each with what they would need."""
    too_slow: tuple[str, ...]
    """Runbooks whose steps take longer than the RTO; they keep the objectives that they came with."""

    @property
    def example_lines(self) -> Mapping[str, tuple[int, ...]]:
        """Lines of scenarios that speak of the example's data, by file."""
        found = {
            path: tuple(number for number, line in enumerate(text.splitlines(), 1) if _EXAMPLE_DATA.search(line))
            for path, text in self.files.items()
            if path.startswith(f"{RUNBOOKS}/") and "\nkind: scenario\n" in text
        }
        return {path: lines for path, lines in found.items() if lines}


def make_starter(answers: Answers, shipped: Mapping[str, bytes], catalogue: Catalogue) -> Starter:
    """Give every file of a new project; `shipped` holds the runbooks and drills that come with drx, by path."""
    binder, missing = Binder(shipped), missing_parts(answers)
    names = binder.ids(RUNBOOKS)
    left_out = {name: lacking(name, missing) for name in names if lacking(name, missing)}
    runbooks = {
        _path(RUNBOOKS, name): own_runbook(name, shipped[_path(RUNBOOKS, name)].decode(), answers, catalogue)
        for name in names
        if name not in left_out
    }
    slow = frozenset(_too_slow(runbooks, answers))
    drills = {}
    for name in binder.ids(DRILLS):
        runbook = runbooks.get(_path(RUNBOOKS, binder.drill(name).runbook))
        if runbook is not None:
            drills[_path(DRILLS, name)] = own_drill(shipped[_path(DRILLS, name)].decode(), runbook)
    own = {path: text if path in slow else text.replace(_EXAMPLE_OBJECTIVES, "") for path, text in runbooks.items()}
    return Starter(
        {FILE_NAME: write_config(answers), ".gitignore": _IGNORED} | own | drills, left_out, tuple(sorted(slow))
    )


def _path(folder: str, name: str) -> str:
    return f"{folder}/{name}.yaml"


def _too_slow(runbooks: Mapping[str, str], answers: Answers) -> Iterator[str]:
    """Find the runbooks whose steps take longer than the RTO, among those that have no objectives but the example's."""
    rto = parse_duration(answers.rto)
    binder = Binder({path: text.encode() for path, text in runbooks.items()})
    for path, text in runbooks.items():
        if _EXAMPLE_OBJECTIVES in text and critical_path(binder.runbook(path), binder.runbook).expected > rto:
            yield path
