"""Let people hear of what no journal tells: a run that could not begin, a job that was missed. Decides nothing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from drx.cli.project import Project
from drx.errors import HumanNeeded, LockedError

if TYPE_CHECKING:
    from drx.reports.notices import Notice


def tell(project: Project, notice: "Notice") -> None:
    """Tell whom drx.yaml names for it; standard error says what came of it."""
    from drx.engine.events import NotificationFailed, NotificationSent

    for fact in project.tell(notice):
        if isinstance(fact, NotificationSent):
            print(f"told {fact.channel}: {fact.about}", file=sys.stderr)
        elif isinstance(fact, NotificationFailed):
            print(f"could not tell {fact.channel}: {fact.error}", file=sys.stderr)


@contextmanager
def heard_of(project: Project, job: str, environment: str | None, *, unattended: bool) -> Iterator[None]:
    """Where nobody is there, tell of what keeps a run from beginning, or its record from being written.

    One that waits for another run is told by that one.
    """
    from drx.reports.notices import about_refusal, about_trouble

    try:
        yield
    except LockedError:
        raise
    except Exception as error:
        if unattended or sys.stdin is None or not sys.stdin.isatty():
            about = about_refusal if isinstance(error, HumanNeeded) else about_trouble
            tell(project, about(job, environment or "", error, datetime.now(UTC)))
        raise
