"""`drx drill --all`: practise every disaster, one after the other, and say how each went."""

import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from drx.cli.project import Project, load_project
from drx.cli.run import practise
from drx.cli.tables import print_table
from drx.errors import DrxError, ExitCode, UsageError

if TYPE_CHECKING:
    from drx.reports.shapes import Objective, RunFacts

_BETTER_TO_WORSE = (ExitCode.OK, ExitCode.OBJECTIVE_MISSED, ExitCode.FAILED)


@dataclass(frozen=True)
class Practised:
    """What came of one drill."""

    drill: str
    code: int
    facts: "RunFacts | None"
    problem: str = ""
    """Why it did not begin, or had no end."""

    @property
    def interrupted(self) -> bool:
        """Whether somebody ended it: then no other begins."""
        ended = self.facts is None or self.facts.verdict.word in ("ABORTED", "PAUSED")
        return ended and not self.problem


def choose(
    drill_name: str | None,
    environment: str | None,
    *,
    every: bool,
    as_json: bool,
    sandbox: str,
    keep: bool,
    record: bool,
    junit: Path | None,
    timeout: timedelta | None,
) -> int:
    """Run the drill that was named, or all of them; raises UsageError where it is not clear which."""
    if (drill_name is None) != every:
        raise UsageError("name a DRILL, or say --all", "Write it like: drx drill db-drop --env sandbox")
    if drill_name is not None:
        from drx.cli.run import drill

        return drill(
            drill_name, environment, as_json=as_json, sandbox=sandbox, keep=keep, record=record, junit=junit,
            timeout=timeout,
        )  # fmt: skip
    option = "--keep" if keep else "--junit" if junit is not None else "--timeout" if timeout is not None else None
    if option is not None:
        raise UsageError(f"{option} is for one drill, not for --all", "Name the drill")
    return drill_all(environment, as_json=as_json, sandbox=sandbox, record=record)


def drill_all(environment: str | None, *, as_json: bool, sandbox: str, record: bool) -> int:
    """Run every drill of the project; those after one that failed run all the same.

    One that somebody ends is the last one. Gives the worst of their exit codes.
    Raises UsageError where there are no drills.
    """
    from drx.runbook.load import DRILLS

    project = load_project(sandbox)
    names = project.binder("").ids(DRILLS)
    if not names:
        raise UsageError("there are no drills", "Write one: drills/NAME.yaml; see docs/reference/drill.md")
    practised: list[Practised] = []
    for name in names:
        practised.append(_practise(project, name, environment, as_json=as_json, record=record))
        if practised[-1].interrupted:
            break
    if not as_json:
        _print(practised, len(names))
    return max((each.code for each in practised), key=_badness)


def _practise(project: Project, name: str, environment: str | None, *, as_json: bool, record: bool) -> Practised:
    try:
        code, facts = practise(project, name, environment, as_json=as_json, keep=False, record=record)
    except DrxError as error:
        print(f"drx: {error}", file=sys.stderr)
        return Practised(name, error.exit_code, None, error.message)
    finally:
        if not as_json:
            print()
    return Practised(name, code, facts)


def _badness(code: int) -> int:
    """A missed objective is better than no recovery, and both are better than a drill that did not run."""
    return _BETTER_TO_WORSE.index(ExitCode(code)) if code in _BETTER_TO_WORSE else len(_BETTER_TO_WORSE) + code


def _print(practised: list[Practised], total: int) -> None:
    rows = [_row(each) for each in practised]
    print_table(("drill", "verdict", "RTA", "RTO", "RPA", "RPO", "reason"), rows, right=(2, 3, 4, 5))
    good = sum(each.code == ExitCode.OK for each in practised)
    print(f"\n{good} of {total} drills passed and met their objectives")


def _row(each: Practised) -> tuple[str, ...]:
    if each.facts is None:
        return each.drill, "NOT RUN", "", "", "", "", each.problem
    facts = each.facts
    reason = facts.verdict.reason or ("an objective was missed" if each.code == ExitCode.OBJECTIVE_MISSED else "")
    return each.drill, facts.verdict.word, *_told(facts.rto), *_told(facts.rpo), reason


def _told(objective: "Objective") -> tuple[str, str]:
    from drx.units import show_duration

    actual = "-" if objective.actual is None else f"{objective.actual.total_seconds():.1f}s"
    return actual, "-" if objective.target is None else show_duration(objective.target)
