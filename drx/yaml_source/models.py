"""Read a document as a pydantic model. Knows no particular model."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from drx.yaml_source.document import Document
from drx.yaml_source.problems import Path, Problem

M = TypeVar("M", bound=BaseModel)

StandIn = Callable[[Path, object], object]
"""Gives what may stand at a path for a value that does not fit, or is missing (None); None leaves it out.

Entries of a mapping that it takes over from the value stay as they are; the others are gaps.
"""


def read_model(document: Document, model: type[M]) -> tuple[M | None, list[Problem]]:
    """Read the whole document as `model`; None where it does not fit, with every reason."""
    try:
        return model.model_validate(document.data), []
    except ValidationError as error:
        return None, explain(document, (), error, model)


def read_model_partly(
    document: Document, model: type[M], stand_in: StandIn
) -> tuple[M | None, Document, list[Problem]]:
    """Read the whole document as `model`, with every reason why it does not fit, and so that checks can go on.

    What does not fit is left out, or replaced by what `stand_in` gives for it; the document that comes back has
    gaps there. The model is None where even that does not help.
    """
    try:
        return model.model_validate(document.data), document, []
    except ValidationError as error:
        from drx.yaml_source.mend import read_mended  # loaded only where something is wrong

        return read_mended(document, model, stand_in, error)


def explain(
    document: Document,
    base: Path,
    error: ValidationError,
    model: type[BaseModel],
    unknown: Iterable[tuple[str | int, ...]] = (),
) -> list[Problem]:
    """Put what pydantic says of the value at `base` in words, in the order of the file.

    At `unknown` stand values that are not known yet: complaints about them, or about what holds them, are left out.
    So are complaints that only follow from another one, or from a gap in the document.
    """
    from drx.yaml_source.wording import word  # loaded only where something is wrong

    return word(document, base, error, model, unknown)
