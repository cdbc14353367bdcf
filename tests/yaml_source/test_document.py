"""Reading YAML: values, positions, and that nothing hostile gets further than a problem."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drx.fields import Model
from drx.yaml_source import InvalidDocument, read_document, read_model
from drx.yaml_source.document import MAX_DEPTH, MAX_NODES

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]" for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)

HOSTILE = {
    "billion laughs": (LAUGHS.encode(), "50,000 values"),
    "10 MB of brackets": (b"[" * 10_000_000, "at most 1,048,576 are read"),
    "1 MB of brackets": (b"[" * 1_000_000, "nested more than 40 deep"),
    "1 MB of braces": (b"{" * 1_000_000, "nested more than 40 deep"),
    "deep lists": (b"- " * 500_000, "nested more than 40 deep"),
    "deep keys": (b"? " * 500_000, "nested more than 40 deep"),
    "many values": (b"[" + b"x," * 500_000, "50,000 values"),
    "many keys": (b"a: 1\n" * 200_000, "stands here twice"),
    "colons": (b"a:" * 500_000, "second `: `"),
    "NUL": (b"a: \x00", "U+0000"),
    "escape sequence": (b"a: \x1b[2J", "U+001B"),
    "binary": (bytes(range(256)), "not UTF-8"),
    "UTF-16": ("a: 1".encode("utf-16"), "not UTF-8"),
    "tag": (b"a: !!python/object/apply:os.system [id]", "is not read"),
    "long number": (b"a: " + b"9" * 10_000, "too long"),
    "alias of itself": (b"a: &a {b: *a}", "inside of itself"),
    "many anchors": (b"a: " + b"&a " * 100_000, "a key was expected here"),
}


@pytest.mark.parametrize(("data", "expected"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_input_is_a_problem_and_quick(data: bytes, expected: str) -> None:
    began = time.process_time()
    document, problems = read_document(data, "x.yaml")
    assert document is None
    assert any(expected in problem.message for problem in problems)
    assert len(problems) <= 50
    assert time.process_time() - began < 2


def test_deep_values_cannot_be_built_out_of_aliases() -> None:
    lines = [f"a0: &a0 {'[' * 30}{']' * 30}"] + [f"a{n}: &a{n} [[*a{n - 1}]]" for n in range(1, 30)]
    _, problems = read_document("\n".join(lines).encode(), "x.yaml")
    assert [problem.message for problem in problems] == [f"values are nested more than {MAX_DEPTH} deep"]


def test_aliases_within_bounds_stand_for_their_values() -> None:
    document, problems = read_document(b"a: &a {b: [1, 2]}\nc: [*a, *a]\n", "x.yaml")
    assert not problems
    assert document is not None
    assert document.data == {"a": {"b": [1, 2]}, "c": [{"b": [1, 2]}, {"b": [1, 2]}]}
    assert document.where(("c", 1, "b", 1)) == (1, 15)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", False), ("Yes", True), ("TRUE", True), ("off", False), ("~", None), ("", None), ("Null", None),
        ("7", 7), ("-7", -7), ("+7", 7), ("0", 0), ("0x1F", 31), ("1.5", 1.5), ("1e3", 1000.0), ("-.5", "-.5"),
        ("1_000", "1_000"), ("08", "08"), ("1.2.3.4", "1.2.3.4"), ("03:00", "03:00"), ("2026-11-21", "2026-11-21"),
        ("y", "y"), (".inf", ".inf"), ("-", "-x"), ("'no'", "no"), ('"7"', "7"), ("8080:80", "8080:80"), ("+", "+"),
    ],
)  # fmt: skip
def test_words_are_read_as_people_mean_them(written: str, value: object) -> None:
    data = f"a: {written if written != '-' else '-x'}".encode()
    document, problems = read_document(data, "x.yaml")
    assert not problems
    assert document is not None
    assert document.data == {"a": value}
    assert type(document.data["a"]) is type(value)


@pytest.mark.parametrize("written", ["1:30", "12:30:45", "1:30.5", "010", "-0755", "0_7"])
def test_numbers_that_readers_disagree_about_are_refused(written: str) -> None:
    document, problems = read_document(f"a: {written}".encode(), "x.yaml")
    assert document is None
    assert written in problems[0].message
    assert "quotes" in problems[0].remedy


def test_keys_are_text_whatever_they_look_like() -> None:
    document, _ = read_document(b"on: 1\n1: 2\n~: 3\nnull: 4\n", "x.yaml")
    assert document is not None
    assert document.data == {"on": 1, "1": 2, "~": 3, "null": 4}


def test_positions_count_characters_from_one() -> None:
    document, _ = read_document("grün:\n  - {ä: 1, key: [x, 'y']}\n".encode(), "x.yaml")
    assert document is not None
    assert document.where(("grün", 0, "key", 1)) == (2, 21)
    assert document.where(("grün", 0, "missing", "below")) == (2, 5)
    assert document.problem_at_key(("grün", 0, "key"), "m", "r").column == 12
    assert document.problem_at_key((), "m", "r").line == 1


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    document, _ = read_document(b"\xef\xbb\xbfa: 1", "x.yaml")
    assert document is not None
    assert document.data == {"a": 1}


def test_a_problem_is_one_line_and_an_error_has_all_of_them() -> None:
    _, problems = read_document(b"a: 1:30\na: 010\n", "x.yaml")
    assert len(problems) == 3
    assert str(InvalidDocument(problems)).splitlines() == [str(problem) for problem in problems]
    assert InvalidDocument(problems).exit_code == 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Cn"], exclude_characters="\ufeff")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdefg", min_size=1), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@settings(deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), JSON, max_size=5))
def test_json_is_read_as_it_is(data: dict[str, object]) -> None:
    document, problems = read_document(json.dumps(data, ensure_ascii=False).encode(), "x.yaml")
    assert not problems
    assert document is not None
    assert document.data == data


class Inner(Model):
    number: int = 0


class Anything(Model):
    text: str
    many: tuple[Inner, ...] = ()
    either: Inner | str = ""


PIECES = st.sampled_from(
    [*"{}[]:,-?&*!|>'\"%@`#\n\t ab01", "text: ", "many:\n", "- ", "  ", "number: ", "either: ", "&a ", "*a", "no"]
)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_document_or_problems(data: bytes) -> None:
    document, problems = read_document(data, "x.yaml")
    assert (document is None) == bool(problems)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_yaml_gives_a_model_or_problems(text: str) -> None:
    document, problems = read_document(text.encode(), "x.yaml")
    assert (document is None) == bool(problems)
    if document is not None:
        model, problems = read_model(document, Anything)
        assert (model is None) == bool(problems)
    lines = text.splitlines() or [""]
    for problem in problems:
        assert problem.remedy
        assert 1 <= problem.line <= len(lines) + 1


def test_the_bound_on_values_is_exact() -> None:
    def with_values(number: int) -> bytes:
        return b"a: [" + b"x," * (number - 3) + b"]"  # the mapping, its key and the list count too

    assert read_document(with_values(MAX_NODES), "x.yaml")[0] is not None
    assert read_document(with_values(MAX_NODES + 1), "x.yaml")[0] is None
