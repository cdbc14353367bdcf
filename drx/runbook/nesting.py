"""Find the runbooks inside of a runbook. Pure."""

from collections.abc import Iterator, Sequence

from drx.errors import InvalidInput
from drx.runbook.load import Binder
from drx.runbook.model import ParallelStep, Runbook, RunbookStep, Step


def closure(binder: Binder, reference: str, above: Sequence[str] = ()) -> list[str]:
    """The runbook and every one inside of it, each once, the outermost first.

    Raises InvalidInput where they call each other in a circle.
    """
    if reference in above:
        raise InvalidInput(f"runbooks call each other in a circle: {' > '.join([*above, reference])}", "Take one out")
    found = {reference: None}
    for inner in _nested(binder.runbook(reference)):
        found |= dict.fromkeys(closure(binder, inner, [*above, reference]))
    return list(found)


def _nested(runbook: Runbook) -> Iterator[str]:
    for step in (*runbook.prechecks, *runbook.steps, *runbook.cleanup):
        yield from _nested_in(step)


def _nested_in(step: Step) -> Iterator[str]:
    if isinstance(step, RunbookStep):
        yield step.runbook
    elif isinstance(step, ParallelStep):
        for branch in step.parallel.values():
            for inner in branch:
                yield from _nested_in(inner)
