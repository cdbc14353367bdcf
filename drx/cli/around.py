"""What stands around a run at the command line: open items before it; after it what CI reads, and the review."""

import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from drx.cli.project import Project
from drx.errors import DrxError, UsageError

if TYPE_CHECKING:
    from drx.reports.shapes import RunFacts
    from drx.runner.setting import Setting


_LONGEST_SUMMARY_BYTES = 1024 * 1024
"""GitHub takes no summary of a step that is longer."""


@dataclass
class Around:
    """Before and after one run. `talks` says that a person reads along, `asks` that one can answer.

    With `as_json`, nothing but events is printed.
    """

    project: Project
    as_json: bool = False
    talks: bool = True
    asks: bool = False
    junit: Path | None = None
    ended: "list[RunFacts]" = field(default_factory=list)
    """The figures of the run, once it has come to its end."""

    def before(self, runbook: str, setting: "Setting") -> "Setting":
        """Tell what earlier runs left to do, and see that JUnit XML can be written; gives the setting to run in.

        Raises UsageError where it cannot be.
        """
        if self.junit is not None:
            _make_room(self.junit)
        if self.talks and not self.as_json:
            _tell_open_items(self.project, runbook)
        return replace(setting, finished=self.ended.append)

    def after(self) -> None:
        """Write JUnit XML, and ask the review's questions; a run that was paused has neither yet.

        The run is over and its exit code stands: what goes wrong here is only said.
        """
        for facts in self.ended:
            try:
                self._follow(facts)
            except DrxError as error:
                print(f"drx: {error}", file=sys.stderr)

    def _follow(self, facts: "RunFacts") -> None:
        from drx.cli.plan.plan import write
        from drx.cli.review import ask
        from drx.reports.junit import report_junit

        if self.junit is not None:
            write(self.junit, report_junit(facts))
        if os.environ.get("GITHUB_ACTIONS") == "true":
            self._tell_github(facts)
        if self.asks and not facts.reviews:
            ask(self.project, self.project.records / facts.run)

    def _tell_github(self, facts: "RunFacts") -> None:
        """Write the summary of the workflow's step, and annotations."""
        from drx.reports.annotations import annotations
        from drx.runner.record import REPORT

        if not self.as_json:
            print("\n".join(annotations(facts)))
        report = self.project.records / facts.run / REPORT
        path = os.environ.get("GITHUB_STEP_SUMMARY")
        try:
            if path and report.stat().st_size <= _LONGEST_SUMMARY_BYTES:
                with open(path, "a", encoding="utf-8") as summary:
                    summary.write(report.read_text(encoding="utf-8"))
        except OSError as error:
            raise DrxError(f"{path}: the summary cannot be written: {error.strerror}") from None


def _tell_open_items(project: Project, runbook: str) -> None:
    from drx.cli.review import today
    from drx.reports.lessons import lesson_lines
    from drx.runner.open_items import open_items

    lines = list(lesson_lines(open_items(project.records, runbook).items, today()))
    if lines:
        print(f"Still to be done since earlier runs of {runbook}:")
        print("\n".join(f"  - {line}" for line in lines))


def _make_room(path: Path) -> None:
    """An older result must not stand for this run, whatever becomes of it."""
    folder = path.absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK) or path.is_dir():
        raise UsageError(f"{path} cannot be written", "Name a file in a folder of yours")
    path.unlink(missing_ok=True)
