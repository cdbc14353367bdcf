"""Find out which parts of an environment a run can touch: those that actions declare and expressions name. Pure."""

from collections.abc import Iterator, Mapping

from drx.config.target import PARTS
from drx.runbook.catalogue import Catalogue
from drx.runbook.expressions import Chain, ExpressionError, as_expression, names
from drx.runbook.load import Binder
from drx.runbook.nesting import closure


def needed_parts(binder: Binder, catalogue: Catalogue, runbook: str, drill: str | None = None) -> frozenset[str]:
    """Give the parts that a run of a runbook needs, and of those inside of it.

    A `drill` needs all there are: nothing is broken before every server is known to be none of production's.
    Raises InvalidInput where a runbook cannot be read.
    """
    if drill is not None:
        return frozenset(PARTS)
    return parts_in([binder.loaded_runbook(name).document.data for name in closure(binder, runbook)], catalogue)


def parts_in(written: object, catalogue: Catalogue) -> frozenset[str]:
    """Give the parts that whatever is written here needs: steps, or one call with its probes."""
    return frozenset(_found(written, catalogue))


def _found(written: object, catalogue: Catalogue) -> Iterator[str]:
    match written:
        case Mapping():
            called = written.get("action")
            spec = catalogue(called) if isinstance(called, str) else None
            if spec is not None:
                yield from spec.parts
            if "id" in written and isinstance(when := written.get("when"), str):
                yield from _found(as_expression(when), catalogue)
            for part in written.values():
                yield from _found(part, catalogue)
        case list() | tuple():
            for part in written:
                yield from _found(part, catalogue)
        case str():
            for first, *further in _names(written):
                if first == "target":
                    yield from PARTS if not further else {further[0]}.intersection(PARTS)


def _names(text: str) -> list[Chain]:
    """What a text names; nothing where it is prose with braces of its own: the check refuses wrong expressions."""
    try:
        return names(text)
    except ExpressionError:
        return []
