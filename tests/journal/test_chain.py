"""A damaged journal is refused with its line number; only a torn last line is let go."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drx.engine.events import PauseRequested, RunPaused, RunResumed
from drx.errors import JournalError
from drx.journal import Journal, read_journal, read_recorded
from tests.journal.samples import BY, FACTS, STARTED, write


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a sealed journal of seven lines."""
    return write(tmp_path_factory.mktemp("journal")).read_bytes()


def _damaged(directory: Path, data: bytes) -> Path:
    path = directory / "damaged.jsonl"
    path.write_bytes(data)
    return path


def test_a_whole_journal_gives_back_every_fact(tmp_path: Path) -> None:
    events = read_journal(write(tmp_path))
    assert tuple(event.fact for event in events) == FACTS
    assert [event.seq for event in events] == list(range(1, len(FACTS) + 1))
    assert {event.by for event in events} == {BY}


def test_every_byte_in_which_a_bit_flipped_is_found_on_its_line(tmp_path: Path, whole: bytes) -> None:
    for position in range(len(whole)):
        data = bytearray(whole)
        data[position] ^= 1 << position % 8
        line = whole[:position].count(b"\n") + 1
        with pytest.raises(JournalError, match=rf"damaged\.jsonl:{line}: the journal is damaged"):
            read_journal(_damaged(tmp_path, bytes(data)))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_edit_goes_unnoticed(tmp_path_factory: pytest.TempPathFactory, whole: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(whole) - 1))
    stop = data.draw(st.integers(start, min(start + 40, len(whole) - 1)))
    text = data.draw(st.binary(max_size=40))
    edited = whole[:start] + text + whole[stop:]
    if edited == whole:
        return
    path = _damaged(tmp_path_factory.mktemp("edited"), edited)
    with pytest.raises(JournalError, match=r":\d+: the journal is damaged"):
        read_journal(path)


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (lambda lines: lines[1:], 1),
        (lambda lines: [*lines[:2], *lines[3:]], 3),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], 3),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], 4),
        (lambda lines: [*lines, b"\n"], len(FACTS) + 1),
        (lambda lines: [*lines, b"{}\n"], len(FACTS) + 1),
        (lambda lines: [b"\xef\xbb\xbf" + lines[0], *lines[1:]], 1),
        (lambda lines: [line.replace(b"\n", b"\r\n") for line in lines], 1),
    ],
)
def test_missing_moved_doubled_and_foreign_lines_are_found(
    tmp_path: Path, whole: bytes, edit: object, line: int
) -> None:
    assert callable(edit)
    lines = [text + b"\n" for text in whole.split(b"\n")[:-1]]
    with pytest.raises(JournalError, match=f":{line}: "):
        read_journal(_damaged(tmp_path, b"".join(edit(lines))))


def test_a_line_of_another_journal_does_not_fit(tmp_path: Path, whole: bytes) -> None:
    (tmp_path / "other").mkdir()
    other = write(tmp_path / "other").read_bytes().split(b"\n")
    mixed = whole.split(b"\n")
    mixed[3] = other[3]
    with pytest.raises(JournalError, match=r":4: .*does not follow the line before"):
        read_journal(_damaged(tmp_path, b"\n".join(mixed)))


def test_every_torn_end_is_dropped_and_said(tmp_path: Path, whole: bytes) -> None:
    for length in range(len(whole) + 1):
        recorded = read_recorded(_damaged(tmp_path, whole[:length]))
        lines = whole[:length].count(b"\n")
        assert len(recorded.events) == lines
        assert recorded.torn_bytes == length - (whole[:length].rfind(b"\n") + 1)


def test_the_next_writer_cuts_off_the_torn_line_and_goes_on(tmp_path: Path) -> None:
    path = write(tmp_path, FACTS[:3])
    with path.open("ab") as file:
        file.write(b'{"seq":4,"at":"2026')
    with Journal.open(path, BY) as journal:
        assert journal.torn_bytes == 19
        assert [event.fact for event in journal.events] == list(FACTS[:3])
        journal.append(FACTS[3], BY)
        journal.sync()
    assert [event.fact for event in read_journal(path)] == list(FACTS[:4])


def test_nothing_but_notes_reviews_and_reports_follows_the_end(tmp_path: Path) -> None:
    path = write(tmp_path, FACTS[:5])
    with Journal.open(path, BY) as journal:
        for fact in (RunResumed(1.0, True), PauseRequested("late"), RunPaused(), FACTS[1], FACTS[4]):
            with pytest.raises(JournalError, match="after the end of the run"):
                journal.append(fact, BY)
        for fact in FACTS[5:]:
            journal.append(fact, BY)
        journal.sync()
    assert len(read_journal(path)) == len(FACTS)


def test_a_run_starts_once_and_first(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "journal.jsonl", BY) as journal:
        with pytest.raises(JournalError, match="the first event must be RunStarted"):
            journal.append(FACTS[1], BY)
        journal.append(STARTED, BY)
        with pytest.raises(JournalError, match="may only be the first event"):
            journal.append(STARTED, BY)


def test_a_journal_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"nothing\.jsonl: the journal cannot be read: No such file"):
        read_journal(tmp_path / "nothing.jsonl")
