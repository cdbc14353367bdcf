"""See that what is about to run would pass `drx check`. Starts nothing, prints nothing."""

from collections.abc import Iterable, Iterator

from drx.actions.registry import catalogue
from drx.cli.check import surroundings_of
from drx.config import Config
from drx.errors import InvalidInput
from drx.runbook.check import check_drill, check_runbook
from drx.runbook.check.review import walk
from drx.runbook.load import RUNBOOKS, Library
from drx.runbook.model import Runbook, RunbookStep
from drx.yaml_source import InvalidDocument, Problem


def require_sound(library: Library, config: Config, runbook: str) -> None:
    """Check a runbook and every one inside of it; warnings stop nobody.

    Raises InvalidInput where there is no such runbook, InvalidDocument with every error of all of them.
    """
    library.path(RUNBOOKS, runbook)
    _refuse(_of_runbooks(library, config, [runbook]))


def require_sound_drill(library: Library, config: Config, drill: str) -> None:
    """Check a drill, its runbook and every one inside of that; raises as `require_sound` does."""
    loaded = library.loaded_drill(drill)
    own = (*loaded.model.setup, *loaded.model.pass_, *loaded.model.teardown)
    nested = [one.step.runbook for one in walk(own, ()) if isinstance(one.step, RunbookStep)]
    _refuse(
        [
            *check_drill(loaded.model, loaded.document, catalogue, library, surroundings_of(config)),
            *_of_runbooks(library, config, [loaded.model.runbook, *nested]),
        ]
    )


def _of_runbooks(library: Library, config: Config, waiting: list[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    while waiting:
        reference = waiting.pop(0)
        if reference in seen:
            continue
        seen.add(reference)
        try:
            loaded = library.loaded_runbook(reference)
        except InvalidDocument as error:
            yield from error.problems
        except InvalidInput:
            continue  # there is none: the step that names it has said so
        else:
            yield from check_runbook(loaded.model, loaded.document, catalogue, library, surroundings_of(config))
            waiting += _inside(loaded.model)


def _inside(runbook: Runbook) -> list[str]:
    steps = (*runbook.prechecks, *runbook.steps, *runbook.cleanup)
    return [one.step.runbook for one in walk(steps, ()) if isinstance(one.step, RunbookStep)]


def _refuse(problems: Iterable[Problem]) -> None:
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise InvalidDocument(errors)
