"""Read a document as a pydantic model. Knows no particular model."""

from collections.abc import Iterable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from drx.yaml_source.document import Document
from drx.yaml_source.problems import Path, Problem

M = TypeVar("M", bound=BaseModel)


def read_model(document: Document, model: type[M]) -> tuple[M | None, list[Problem]]:
    """Read the whole document as `model`; None where it does not fit, with every reason."""
    try:
        return model.model_validate(document.data), []
    except ValidationError as error:
        return None, explain(document, (), error, model)


def explain(
    document: Document,
    base: Path,
    error: ValidationError,
    model: type[BaseModel],
    unknown: Iterable[tuple[str | int, ...]] = (),
) -> list[Problem]:
    """Put what pydantic says of the value at `base` in words, in the order of the file.

    At `unknown` stand values that are not known yet: complaints about them, or about what holds them, are left out.
    """
    from drx.yaml_source.wording import word  # loaded only where something is wrong

    return word(document, base, error, model, unknown)
