"""Read runbooks and drills from their text, and find them by id or path. Pure: the files' bytes are passed in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Generic, TypeVar

from drx.errors import InvalidInput
from drx.runbook.model import Drill, Runbook
from drx.yaml_source import Document, InvalidDocument, Problem, read_document_partly, read_model
from drx.yaml_source.problems import in_order, suggest

M = TypeVar("M", Runbook, Drill)

RUNBOOKS = "runbooks"
DRILLS = "drills"


def load_runbook(data: bytes, source: str) -> tuple[Runbook | None, list[Problem]]:
    """Read a runbook; None where anything is wrong with its text or shape."""
    loaded, problems = _load(data, source, Runbook)
    return (loaded.model if loaded else None), problems


def load_drill(data: bytes, source: str) -> tuple[Drill | None, list[Problem]]:
    """Read a drill; None where anything is wrong with its text or shape."""
    loaded, problems = _load(data, source, Drill)
    return (loaded.model if loaded else None), problems


@dataclass(frozen=True)
class Loaded(Generic[M]):
    """A runbook or drill, with the document that knows where everything stands."""

    model: M
    document: Document


@dataclass(frozen=True)
class Binder:
    """The runbooks and drills that lie beside drx.yaml: `runbooks/<id>.yaml`, `drills/<id>.yaml`."""

    files: Mapping[str, bytes]
    """What each file holds, by its path from the directory of drx.yaml."""
    prefix: str = ""
    """What leads from the reader's directory to that of drx.yaml; stands before paths in messages."""
    _runbooks: dict[str, Loaded[Runbook]] = field(default_factory=dict)
    _drills: dict[str, Loaded[Drill]] = field(default_factory=dict)

    def runbook(self, reference: str) -> Runbook:
        """Give a runbook by id or path.

        Raises InvalidInput where there is none, InvalidDocument where it cannot be read.
        """
        return self.loaded_runbook(reference).model

    def drill(self, reference: str) -> Drill:
        """Give a drill by id or path; raises as `runbook` does."""
        return self.loaded_drill(reference).model

    def loaded_runbook(self, reference: str) -> Loaded[Runbook]:
        """Give a runbook with its document; raises as `runbook` does."""
        return self._read_once(self.path(RUNBOOKS, reference), Runbook, self._runbooks)

    def loaded_drill(self, reference: str) -> Loaded[Drill]:
        """Give a drill with its document; raises as `runbook` does."""
        return self._read_once(self.path(DRILLS, reference), Drill, self._drills)

    def remember(self, path: str, runbook: Loaded[Runbook]) -> None:
        """Take a runbook that was read already, so that it is not read again."""
        self._runbooks[path] = runbook

    def path(self, folder: str, reference: str) -> str:
        """Find the file that an id or a path means; raises InvalidInput where there is none."""
        path = reference if "/" in reference or reference.endswith((".yaml", ".yml")) else f"{folder}/{reference}.yaml"
        if path not in self.files:
            known = self.ids(folder)
            remedy = suggest(reference, known) if known else f"Make {path}, or name a file by its path"
            raise InvalidInput(f"there is no {folder.removesuffix('s')} '{reference}'", remedy)
        return path

    def ids(self, folder: str) -> list[str]:
        """List what lies in `runbooks` or `drills`, by id."""
        return sorted(
            path.stem for path in map(PurePath, self.files) if str(path.parent) == folder and path.suffix == ".yaml"
        )

    def _read_once(self, path: str, model: type[M], known: dict[str, Loaded[M]]) -> Loaded[M]:
        if path not in known:
            loaded, problems = _load(self.files[path], f"{self.prefix}{path}", model)
            if loaded is None:
                raise InvalidDocument(problems)
            known[path] = loaded
        return known[path]


def _load(data: bytes, source: str, model: type[M]) -> tuple[Loaded[M] | None, list[Problem]]:
    document, problems = read_document_partly(data, source)
    if document is None:
        return None, problems
    read, ill_formed = read_model(document, model)
    problems = in_order(problems + ill_formed)
    return (Loaded(read, document) if read and not problems else None), problems
