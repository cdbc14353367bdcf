"""A journal is followed as it grows, in pieces of any size; damage is found where it stands."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drx.errors import JournalError
from drx.journal import JOURNAL, read_journal
from drx.journal.following import Following
from drx.journal.lock import Lock, holder_of
from tests.journal.samples import BY, write


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("whole"))


@given(cuts=st.lists(st.integers(0, 4000), max_size=8))
def test_whatever_pieces_it_comes_in_the_events_are_the_same(
    whole: Path, cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = whole.read_bytes()
    path = tmp_path_factory.mktemp("growing") / JOURNAL
    path.touch()
    following, found, begin = Following(path), [], 0
    for end in sorted({*(cut for cut in cuts if cut < len(data)), len(data)}):
        with path.open("ab") as file:
            file.write(data[begin:end])
        begin = end
        found += following.events()
    assert found == read_journal(whole)
    assert following.events() == []


def test_a_changed_line_is_named(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    lines = whole.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))
    following = Following(path)
    assert len(following.events()) == 2
    with path.open("ab") as file:
        file.write(lines[2].replace(b"no space left", b"no space"))
    with pytest.raises(JournalError, match=r":3: the journal is damaged"):
        following.events()


def test_a_journal_that_was_cut_or_is_gone_is_said(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    path.write_bytes(whole.read_bytes())
    following = Following(path)
    following.events()
    path.write_bytes(b"")
    with pytest.raises(JournalError, match="shorter than it was"):
        following.events()
    path.unlink()
    with pytest.raises(JournalError, match="cannot be read"):
        following.events()


def test_who_has_a_record_is_told_without_taking_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.lock"
    assert holder_of(path) == ""
    lock = Lock(path, BY, "just now")
    assert holder_of(path) == "ada on bastion, process 4711, since just now"
    lock.release()
    assert holder_of(path) == ""


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("{}")
    path = tmp_path / "journal.lock"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalError, match="the lock cannot be read: Too many levels of symbolic links"):
        holder_of(path)
