"""Make an ill-formed document fit its model, so that more can be checked. Loaded only where something is wrong."""

from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from drx.yaml_source.document import Document
from drx.yaml_source.models import StandIn
from drx.yaml_source.problems import Path, Problem
from drx.yaml_source.wording import Complaint, locate, meant_key, without_echoes, word

ROUNDS = 6
"""What was mended may show more that does not fit: below a misspelt key, or in a step of an unclear kind."""

M = TypeVar("M", bound=BaseModel)


def read_mended(
    document: Document, model: type[M], stand_in: StandIn, error: ValidationError
) -> tuple[M | None, Document, list[Problem]]:
    """Mend what `error` complains about until the document fits; see `read_model_partly`."""
    problems = word(document, (), error, model)
    mended = replace(document, data={key: _copy(value) for key, value in document.data.items()})
    for _ in range(ROUNDS):
        mended = _Mending(mended, stand_in).mend(error, model)
        try:
            return model.model_validate(mended.data), mended, problems
        except ValidationError as next_error:
            error = next_error
            problems += word(mended, (), error, model, mended.gaps)
    return None, document, problems


def _copy(value: object) -> object:
    """Copy a value so that no part of it is shared, as aliases share theirs."""
    match value:
        case dict():
            return {key: _copy(entry) for key, entry in value.items()}
        case list():
            return [_copy(entry) for entry in value]
    return value


class _Mending:
    """One round: every value complained about is renamed, replaced or left out."""

    def __init__(self, document: Document, stand_in: StandIn) -> None:
        self.document = document
        self.stand_in = stand_in
        self.gaps = set(document.gaps)
        self.lost = list(document.lost)

    def mend(self, error: ValidationError, model: type[BaseModel]) -> Document:
        complaints = without_echoes(self.document, locate((), error, model))
        for details, place in sorted(complaints, key=lambda each: each[0]["type"] != "extra_forbidden"):
            parent = self._reach(place.path[:-1])
            if details["type"] == "extra_forbidden" and isinstance(parent, dict):
                self._rename(parent, place)
            elif place.path and isinstance(parent, dict | list):
                self._replace(parent, place.path, is_missing=details["type"] == "missing")
        return replace(self.document, gaps=frozenset(self.gaps), lost=tuple(self.lost))

    def _reach(self, path: Path) -> object:
        """Find what is at `path` by now; None where mending has removed it."""
        value: Any = self.document.data
        for step in path:
            try:
                value = value[step]
            except (LookupError, TypeError):
                return None
        return value

    def _rename(self, parent: dict[str | int, object], place: Complaint) -> None:
        """Take an unknown key for the one that is most likely meant; leave it out where that is unclear."""
        key = place.path[-1]
        if key not in parent:
            return
        value = parent.pop(key)
        meant = meant_key(place, parent)
        node = self.document.node(place.path[:-1])
        if meant is None or key not in node.children:
            self.lost.append({key: value})
            return
        parent[meant] = value
        node.children[meant], node.keys[meant] = node.children[key], node.keys[key]

    def _replace(self, parent: dict[str | int, object] | list[object], path: Path, *, is_missing: bool) -> None:
        key: Any = path[-1]
        if is_missing == (isinstance(parent, list) or key in parent):
            return  # mended by now
        value = None if is_missing else parent[key]
        self.lost.append({key: value})
        new = self.stand_in(path, value)
        if new is not None:
            parent[key] = _copy(new)
        elif isinstance(parent, dict):
            parent.pop(key, None)
        if isinstance(new, dict) and isinstance(value, dict):
            self.gaps |= {(*path, name) for name, entry in new.items() if name not in value or entry is not value[name]}
        else:
            self.gaps.add(tuple(path))
