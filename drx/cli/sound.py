"""See that what is about to run would pass `drx check`. Starts nothing, prints nothing."""

from collections.abc import Iterable, Iterator

from drx.actions.registry import catalogue
from drx.cli.check import surroundings_of
from drx.config import Config
from drx.errors import InvalidInput
from drx.runbook.check import check_document
from drx.runbook.check.review import walk
from drx.runbook.load import DRILLS, RUNBOOKS, Binder
from drx.runbook.model import RunbookStep, Step
from drx.yaml_source import InvalidDocument, Problem


def require_sound(binder: Binder, config: Config, runbook: str) -> None:
    """Check a runbook and every one inside of it; warnings stop nobody.

    Raises InvalidInput where there is no such runbook, InvalidDocument with every error of all of them.
    """
    binder.path(RUNBOOKS, runbook)
    _refuse(_of_runbooks(binder, config, [runbook]))


def require_sound_drill(binder: Binder, config: Config, drill: str) -> None:
    """Check a drill, its runbook and every one inside of that; raises as `require_sound` does."""
    problems = _of_file(binder, config, binder.path(DRILLS, drill))
    try:
        model = binder.drill(drill)
    except InvalidDocument:
        _refuse(problems)
        raise
    nested = _inside((*model.setup, *model.pass_, *model.teardown))
    _refuse([*problems, *_of_runbooks(binder, config, [model.runbook, *nested])])


def _of_runbooks(binder: Binder, config: Config, waiting: list[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    while waiting:
        reference = waiting.pop(0)
        if reference in seen:
            continue
        seen.add(reference)
        try:
            yield from _of_file(binder, config, binder.path(RUNBOOKS, reference))
            runbook = binder.runbook(reference)
        except InvalidInput:
            continue  # said already: by the file's own problems, or by the step that names what there is not
        waiting += _inside((*runbook.prechecks, *runbook.steps, *runbook.cleanup))


def _of_file(binder: Binder, config: Config, path: str) -> list[Problem]:
    return check_document(binder.files[path], f"{binder.prefix}{path}", catalogue, binder, surroundings_of(config))


def _inside(steps: tuple[Step, ...]) -> list[str]:
    return [one.step.runbook for one in walk(steps, ()) if isinstance(one.step, RunbookStep)]


def _refuse(problems: Iterable[Problem]) -> None:
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise InvalidDocument(errors)
