"""Batches: everything in order, each small enough, and no more taken from the source than is given out."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from drx.backup.format.batches import batches_of

MEGABYTE = 1 << 20


@given(st.lists(st.sampled_from([10, MEGABYTE, 5 * MEGABYTE, 16 * MEGABYTE]), max_size=30), st.integers(0, 2500))
def test_batches_hold_everything_in_order_and_fit(sizes: list[int], small: int) -> None:
    pieces = {size: bytes(size) for size in set(sizes)}
    documents = [pieces[size] for size in sizes] + [b"%d" % number for number in range(small)]
    batches = list(batches_of(iter(documents), len))
    assert [document for batch in batches for document in batch] == documents
    for batch in batches:
        assert 0 < len(batch) <= 1000
        assert len(batch) == 1 or sum(map(len, batch)) < 16 * MEGABYTE


def test_one_document_more_than_is_given_out_is_taken() -> None:
    taken = []

    def source() -> Iterator[bytes]:
        for number in range(20):
            taken.append(number)
            yield bytes(5 * MEGABYTE)

    assert len(next(batches_of(source(), len))) == 3
    assert taken == [0, 1, 2, 3]


def test_a_bound_of_its_own() -> None:
    assert list(batches_of(range(1, 6), int, most=2)) == [[1, 2], [3, 4], [5]]
