"""What recorded drills have proven of runbooks: drills/verified.json, committed beside them. Runs nothing.

A proof holds while the hash of all that a runbook runs is the same, and until `valid_until`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from drx import __version__
from drx.errors import InvalidInput
from drx.files import write_atomically
from drx.reports.plan.shapes import Verified
from drx.runbook.load import DRILLS, RUNBOOKS, Binder
from drx.runbook.nesting import closure
from drx.runner.called import called

if TYPE_CHECKING:
    from drx.reports.shapes import RunFacts

VERIFIED = Path(DRILLS) / "verified.json"
_RESULTS = TypeAdapter(dict[str, Verified])


def hash_of(binder: Binder, runbook: str, root: Path) -> str:
    """Hash all that a runbook runs: itself, every runbook inside of it, the scripts of the project, `root`, that they
    call, and the versions of drx, and of other packages, which have the actions.

    Raises InvalidInput where one is missing or wrong.
    """
    parts = [f"drx {__version__}", *_parts(binder, runbook, root)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _parts(binder: Binder, runbook: str, root: Path) -> Iterator[str]:
    for reference in sorted(closure(binder, runbook)):
        content = binder.files[binder.path(RUNBOOKS, reference)]
        yield f"{binder.runbook(reference).runbook} {hashlib.sha256(content).hexdigest()}"
        yield from called(binder.runbook(reference), root)


def read_verified(root: Path) -> Mapping[str, Verified]:
    """Read the results of recorded drills, by runbook; none where there is no file.

    Raises InvalidInput for a file that cannot be read.
    """
    path = root / VERIFIED
    if not path.exists():
        return {}
    try:
        return _RESULTS.validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", "Check its permissions") from None
    except ValidationError:
        raise InvalidInput(f"{path} is not what `drx drill --record` writes", "Restore it from git") from None


def write_verified(root: Path, runbook: str, result: Verified) -> Path:
    """Put the result of a drill in the place of the runbook's older one; the same results give the same bytes.

    Raises InvalidInput where the file cannot be read or written.
    """
    path = root / VERIFIED
    results = {**read_verified(root), runbook: result}
    content = _RESULTS.dump_python({name: results[name] for name in sorted(results)}, mode="json")
    try:
        write_atomically(path, json.dumps(content, indent=2).encode() + b"\n", mode=0o644)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}", "Make room, or check its permissions"
        ) from None
    return path


def result_of(facts: "RunFacts", hashed: str, valid_for: timedelta) -> Verified | None:
    """Say what a drill has proven; None unless it passed."""
    from drx.reports.shapes import Word  # `drx status` reads results, and has no use for the shapes of a report

    if facts.drill is None or facts.verdict.word is not Word.PASSED or facts.rto.actual is None:
        return None
    return Verified(
        drill=facts.drill,
        run=facts.run,
        environment=facts.environment,
        at=facts.ended,
        valid_until=facts.ended + valid_for,
        hash=hashed,
        rta_seconds=round(facts.rto.actual.total_seconds(), 3),
        rpa_seconds=None if facts.rpo.actual is None else round(facts.rpo.actual.total_seconds(), 3),
        journal=facts.evidence.journal_head,
    )
