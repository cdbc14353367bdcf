"""Digests of sets: order never matters, one byte always does."""

from hypothesis import given
from hypothesis import strategies as st

from drx.backup.format.digest import Digest, digest_of

sets = st.lists(st.binary(min_size=1))


@given(sets, st.randoms())
def test_order_does_not_matter(documents: list[bytes], random: object) -> None:
    shuffled = list(documents)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert digest_of(shuffled) == digest_of(documents)


@given(sets, sets)
def test_parts_add_up_and_come_off_again(one: list[bytes], other: list[bytes]) -> None:
    assert digest_of(one) + digest_of(other) == digest_of(one + other)
    assert digest_of(one + other) - digest_of(other) == digest_of(one)
    assert digest_of(one) + Digest() == digest_of(one)


@given(sets.filter(bool), st.data())
def test_one_changed_byte_shows(documents: list[bytes], data: st.DataObject) -> None:
    which = data.draw(st.integers(0, len(documents) - 1))
    changed = list(documents)
    changed[which] = bytes([changed[which][0] ^ 1]) + changed[which][1:]
    assert digest_of(changed) != digest_of(documents)
    assert digest_of(changed).count == digest_of(documents).count


@given(sets.filter(bool))
def test_a_missing_or_doubled_document_shows(documents: list[bytes]) -> None:
    assert digest_of(documents[1:]) != digest_of(documents) != digest_of([documents[0], *documents])
    # Two equal ones do not cancel each other out, as they would in a sum by exclusive or.
    assert digest_of([documents[0]] * 2).total not in (0, digest_of([]).total)


def test_the_hash_is_the_published_one() -> None:
    # BLAKE2b-128 of "abc", from RFC 7693's function with a 16-byte digest.
    assert digest_of([b"abc"]).total == 0xCF4AB791C62B8D2B2109C90275287816
    assert str(digest_of([b"abc"])) == "1 documents, 3 bytes, cf4ab791c62b8d2b2109c90275287816"
