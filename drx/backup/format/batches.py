"""Gather documents until they are many or large, so that what is in memory at once is bounded whatever their size."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_T = TypeVar("_T")

_MOST_DOCUMENTS = 1000
_MOST_BYTES = (16 << 20) - (64 << 10)  # a command's own fields and array keys need room beside the documents


def batches_of(
    documents: Iterable[_T], size: Callable[[_T], int], most: int = _MOST_DOCUMENTS, most_bytes: int = _MOST_BYTES
) -> Iterator[list[_T]]:
    """Cut documents, in order, into batches that fit a command, or something smaller; one that is larger is alone."""
    batch: list[_T] = []
    total = 0
    for document in documents:
        added = size(document)
        if batch and (total + added > most_bytes or len(batch) == most):
            yield batch
            batch, total = [], 0
        batch.append(document)
        total += added
    if batch:
        yield batch
