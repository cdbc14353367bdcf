"""What a ledger says, and how a database is judged by it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drx.errors import DrxError
from drx.sandbox.comparison import Comparison, compare
from drx.sandbox.ledger import History, Ledger, Version, Write, read_history

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
ONE = Write("insert", "images", '{"$oid": "000000000000000000000001"}', "aa")
TWO = Write("update", "images", '{"$oid": "000000000000000000000002"}', "bb")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


def line(second: int, state: str, name: str, digest: str | None) -> str:
    at = (START + timedelta(seconds=second)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    shown = "null" if digest is None else f'"{digest}"'
    return f'{{"at": "{at}", "state": "{state}", "op": "update", "collection": "c", "id": {name}, "sha256": {shown}}}\n'


def test_reads_what_was_written(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.intend(ONE)
        ledger.done(ONE)
        ledger.done(TWO)
    history = read_history(path)
    assert (history.writes, history.in_flight) == (2, 0)
    assert history.last_write_at is not None
    assert [version.sha256 for version in history.documents["images"][ONE.id]] == ["aa"]
    assert [version.certain for version in history.documents["images"][TWO.id]] == [True]


def test_an_intent_without_its_acknowledgement_is_in_flight(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.intend(ONE)
    with Ledger(path) as ledger:  # the next writer
        ledger.intend(TWO)
        ledger.done(TWO)
        ledger.intend(ONE)
    history = read_history(path)
    assert (history.writes, history.in_flight) == (1, 2)
    assert [version.certain for version in history.documents["images"][ONE.id]] == [False, False]


def test_a_torn_last_line_is_no_line_and_the_next_writer_drops_it(path: Path) -> None:
    path.write_text(line(1, "done", "1", "aa") + '{"at": "2026-11')
    assert read_history(path).writes == 1
    with Ledger(path) as ledger:
        ledger.done(TWO)
    assert read_history(path).writes == 2


@pytest.mark.parametrize("damage", ["nonsense", "{}", "[]", '{"at": 1}', '{"at": "never"}'])
def test_damage_is_named_with_its_line(path: Path, damage: str) -> None:
    path.write_text(line(1, "done", "1", "aa") + damage + "\n")
    with pytest.raises(DrxError, match=r"ledger.jsonl:2: not a line"):
        read_history(path)


def test_a_missing_ledger_is_named(path: Path) -> None:
    with pytest.raises(DrxError, match=r"cannot be read"):
        read_history(path)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (0, []),
        (1, [("aa", False)]),
        (2, [("aa", True)]),
        (3, [("aa", True), ("bb", False)]),
        (4, [("aa", True), ("bb", True)]),
        (5, [("aa", True), ("bb", True)]),
    ],
)
def test_up_to_a_moment(path: Path, second: int, expected: list[tuple[str, bool]]) -> None:
    lines = (line(1, "intent", "1", "aa"), line(2, "done", "1", "aa"))
    later = (line(3, "intent", "1", "bb"), line(4, "done", "1", "bb"))
    path.write_text("".join((*lines, *later)))
    history = read_history(path, START + timedelta(seconds=second))
    versions = history.documents.get("c", {}).get("1", [])
    assert [(version.sha256, version.certain) for version in versions] == expected


def story(*writes: tuple[str, str | None, bool]) -> History:
    """A history of writes to one collection, one a second; a name, a digest, whether it is certain."""
    documents: dict[str, list[Version]] = {}
    certain = 0
    last = None
    for number, (name, digest, is_certain) in enumerate(writes, start=1):
        at = START + timedelta(seconds=number)
        documents.setdefault(name, []).append(Version(number, at, digest, is_certain))
        certain, last = (certain + 1, at) if is_certain else (certain, last)
    return History({"c": documents}, certain, len(writes) - certain, last)


INSERT_UPDATE_DELETE = (("a", "1", True), ("b", "2", True), ("a", "3", True), ("b", None, True))


@pytest.mark.parametrize(
    ("writes", "found", "faults", "proven"),
    [
        (INSERT_UPDATE_DELETE, {"a": "3"}, (0, 0, 0), 4),
        (INSERT_UPDATE_DELETE, {"a": "3", "b": "2"}, (0, 0, 1), 3),  # the delete is lost
        (INSERT_UPDATE_DELETE, {"a": "1", "b": "2"}, (0, 1, 1), 2),  # as it was after the second write
        (INSERT_UPDATE_DELETE, {"a": "1"}, (0, 1, 0), 2),
        (INSERT_UPDATE_DELETE, {"a": "x"}, (0, 1, 0), None),  # altered: nothing of it is proven
        (INSERT_UPDATE_DELETE, {}, (1, 0, 0), None),
        (INSERT_UPDATE_DELETE, {"a": "3", "z": "9"}, (0, 0, 1), 4),  # never written by anybody
        ((("a", "1", True), ("a", "2", False)), {"a": "1"}, (0, 0, 0), 1),
        ((("a", "1", True), ("a", "2", False)), {"a": "2"}, (0, 0, 0), 1),
        ((("a", "1", True), ("a", "2", False)), {}, (1, 0, 0), None),
        ((("a", "1", True), ("a", None, False)), {}, (0, 0, 0), 1),
        ((("a", "1", True), ("b", "2", False)), {"a": "1", "b": "2"}, (0, 0, 0), 1),
        ((("a", "1", True), ("b", "2", False)), {"a": "1", "b": "x"}, (0, 0, 1), 1),
        ((("a", "1", True), ("a", "2", False), ("a", "3", True)), {"a": "2"}, (0, 1, 0), 1),  # superseded
        ((("a", "1", True), ("a", None, True), ("a", "2", True)), {}, (1, 0, 0), 2),
        ((("b", "9", True), ("a", "1", True), ("a", "2", True), ("a", "1", True)), {"a": "1", "b": "9"}, (0, 0, 0), 4),
    ],
)
def test_judgement(
    writes: tuple[tuple[str, str | None, bool], ...],
    found: dict[str, str],
    faults: tuple[int, int, int],
    proven: int | None,
) -> None:
    verdict = compare(story(*writes), {"c": found})
    assert _faults(verdict) == faults
    assert verdict.proven_until == (None if proven is None else START + timedelta(seconds=proven))
    assert verdict.equal == (faults == (0, 0, 0))


def test_nothing_proves_nothing() -> None:
    verdict = compare(History(), {})
    assert not verdict.equal
    assert "no write" in verdict.summary("pixelcraft")


def test_a_collection_that_nobody_wrote_is_extra_and_one_that_is_gone_is_missing() -> None:
    verdict = compare(story(("a", "1", True)), {"other": {"a": "1"}})
    assert _faults(verdict) == (1, 0, 1)
    assert "1 missing, 0 different, 1 extra" in verdict.summary("pixelcraft")


NAMES = st.sampled_from("abcd")
DIGESTS = st.one_of(st.none(), st.integers(0, 10**9).map(str))


@given(st.lists(st.tuples(NAMES, DIGESTS), min_size=1, max_size=20, unique_by=lambda write: write), st.data())
def test_the_state_after_a_write_proves_that_write_and_all_before_it(
    writes: list[tuple[str, str | None]], data: st.DataObject
) -> None:
    known: dict[str, str | None] = {}
    changing = []
    for name, digest in writes:
        if known.get(name) != digest:  # deleting what is not there is no write
            known[name] = digest
            changing.append((name, digest, True))
    if not changing:
        return
    kept = data.draw(st.integers(0, len(changing)))
    found = {name: digest for name, digest, _ in changing[:kept]}
    verdict = compare(story(*changing), {"c": {name: digest for name, digest in found.items() if digest}})
    if kept:
        assert verdict.proven_until is not None
        assert verdict.proven_until >= START + timedelta(seconds=kept)
    assert verdict.equal == (
        {name: digest for name, digest in known.items() if digest}
        == {name: digest for name, digest in found.items() if digest}
    )


def _faults(verdict: Comparison) -> tuple[int, int, int]:
    return verdict.total("missing"), verdict.total("different"), verdict.total("extra")
