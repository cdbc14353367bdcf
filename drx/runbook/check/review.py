"""Collect the problems of one document, and walk its steps with their places. Judges nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import NamedTuple

from drx.errors import DrxError
from drx.runbook.catalogue import ActionSpec, Catalogue
from drx.runbook.check.stand_ins import NOBODY
from drx.runbook.load import Binder
from drx.runbook.model import ActionStep, Objectives, ParallelStep, Runbook, RunbookStep, Step
from drx.yaml_source import Document, Problem
from drx.yaml_source.problems import in_order, shown, suggest

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Surroundings:
    """What the check knows of drx.yaml."""

    objectives: Objectives | None = None
    """They hold where a runbook states none."""
    targets: frozenset[str] | None = None
    """Every name below `target`: `mongo.uri`. None where that is not known."""
    contacts: frozenset[str] | None = None
    """Every name below `contacts`. None where that is not known."""
    environments: frozenset[str] | None = None
    """Every environment. None where that is not known."""
    protected: frozenset[str] = frozenset()
    """Those that no drill may touch."""
    roles: Mapping[str, tuple[str, ...]] | None = None
    """The accounts that have each role. None where that is not known."""
    action_names: Callable[[], Iterable[str]] = tuple
    """Every action there is; asked for only where a name is unknown."""
    is_secret: Callable[[str], bool] = lambda name: False
    """Whether a dotted name holds a secret: `target.mongo.uri`."""


class Placed(NamedTuple):
    """A step and the way to it in the document."""

    step: Step
    place: Place


@dataclass
class Review:
    """One document under review."""

    document: Document
    catalogue: Catalogue
    binder: Binder
    surroundings: Surroundings
    problems: list[Problem] = field(default_factory=list)
    guesses: int = 100
    """For how many more unknown names the nearest one is looked for: each takes milliseconds."""

    def error(self, place: Place, message: str, remedy: str) -> None:
        """Report something that must not stay, unless what stands there was reported already."""
        if not self.document.in_gap(place):
            self.problems.append(self.document.problem(place, message, remedy))

    def warn(self, place: Place, message: str, remedy: str) -> None:
        """Report something doubtful, unless what stands there was reported already."""
        if not self.document.in_gap(place):
            self.problems.append(self.document.warning(place, message, remedy))

    def is_unsure(self, place: Place) -> bool:
        """Whether the value there, or a part of it, was reported already: its absence says nothing."""
        return any(gap[: len(place)] == place for gap in self.document.gaps) or self.document.in_gap(place)

    def is_mentioned(self, name: str) -> bool:
        """Whether a part that could not be read holds this name: it may define it, so that it is not called unknown."""
        return _spelling(name) in self._mentioned

    @cached_property
    def _mentioned(self) -> frozenset[str]:
        return frozenset(map(_spelling, _words(self.document.lost)))

    def unknown(self, place: Place, message: str, name: str, known: Iterable[str]) -> None:
        """Report a name that stands for nothing, with the nearest one that does."""
        self.guesses -= 1
        names = [one for one in known if one != NOBODY]
        message = message.replace(name, shown(name)) if name else message
        remedy = suggest(name, names) if self.guesses >= 0 else "Correct the unknown names above first"
        self.error(place, message, remedy)

    def written(self, place: Place) -> str:
        """Quote a value as it stands in the file."""
        node = self.document.node(place)
        return shown(node.plain) if node.plain is not None else f"'{shown(node.value)}'"

    def found(self) -> list[Problem]:
        """Every problem once, in the order of the file."""
        return in_order(self.problems)

    def id_of_file(self, identity: str, key: str) -> None:
        """Hold the id against the file's name."""
        stem = PurePath(self.document.source).stem
        if stem != identity:
            message = f"the id '{identity}' differs from the file's name '{stem}'"
            self.error((key,), message, f"Rename the file to {identity}.yaml, or the id to {stem}")

    def action(self, name: str) -> ActionSpec | None:
        """Look an action up; one whose package cannot be loaded is unknown."""
        try:
            return self.catalogue(name)
        except DrxError:
            return None

    def runbook(self, identity: str) -> Runbook | None:
        """Read another runbook; None where there is none, or none that can be read."""
        try:
            return self.binder.runbook(identity)
        except DrxError:
            return None

    def outputs_of(self, step: Step) -> frozenset[str] | None:
        """Names that `steps.<id>.outputs` has; None where that cannot be known."""
        match step:
            case ActionStep():
                spec = self.action(step.action)
                return frozenset(spec.outputs) if spec else None
            case RunbookStep():
                inner = self.runbook(step.runbook)
                return frozenset(inner.outputs) if inner else None
            case ParallelStep():
                return frozenset()
        return PEOPLE_OUTPUTS


PEOPLE_OUTPUTS = frozenset({"answer", "approved_by"})
"""What a step done by a person leaves behind."""


def _spelling(name: str) -> str:
    """Write a name so that slips in case and hyphens make no difference."""
    return name.lower().replace("_", "-")


def _words(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, entry in value.items():
                yield str(key)
                yield from _words(entry)
        case list() | tuple():
            for entry in value:
                yield from _words(entry)


def walk(steps: Iterable[Step], place: Place) -> Iterator[Placed]:
    """Yield every step of a sequence with its place, groups before what they hold."""
    for position, step in enumerate(steps):
        here = (*place, position)
        yield Placed(step, here)
        if isinstance(step, ParallelStep):
            for name, branch in step.parallel.items():
                yield from walk(branch, (*here, "parallel", name))


def sequences(steps: tuple[Step, ...], place: Place) -> Iterator[tuple[tuple[Step, ...], Place]]:
    """Yield a sequence and every branch inside of it."""
    yield steps, place
    for position, step in enumerate(steps):
        if isinstance(step, ParallelStep):
            for name, branch in step.parallel.items():
                yield from sequences(branch, (*place, position, "parallel", name))
