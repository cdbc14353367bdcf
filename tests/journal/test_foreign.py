"""A journal that is whole and not ours to judge is said to be one of another version, never a damaged one."""

import hashlib
import re
from pathlib import Path

import pytest

from drx.errors import ForeignJournal, JournalError
from drx.journal import read_journal
from drx.journal.line import GENESIS
from tests.journal.samples import FACTS, write


def rehashed(line: bytes, change: tuple[bytes, bytes]) -> bytes:
    """Change a line, and hash it as its writer would have."""
    body, _, _ = line.partition(b',"hash":')
    assert change[0] in body
    body = body.replace(*change)
    return body + b',"hash":"' + hashlib.sha256(body + b"}").hexdigest().encode() + b'"}'


def last_changed(path: Path, change: tuple[bytes, bytes]) -> Path:
    *before, last = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*before, rehashed(last, change)]) + b"\n")
    return path


@pytest.mark.parametrize(
    "change",
    [
        (b'"StepSucceeded"', b'"StepApplauded"'),
        (b'"attempt":2', b'"attempt":2,"mood":"good"'),
    ],
)
def test_what_this_version_does_not_know(tmp_path: Path, change: tuple[bytes, bytes]) -> None:
    path = last_changed(write(tmp_path, FACTS[:4]), change)
    with pytest.raises(ForeignJournal, match=r":4: the journal is one of another version of drx") as caught:
        read_journal(path)
    assert re.search(r"drx 0\.1\.0 began it, and this is ", caught.value.remedy)


def test_a_first_line_in_another_format(tmp_path: Path) -> None:
    path = write(tmp_path, FACTS[:1])
    (line,) = path.read_bytes().splitlines()
    path.write_bytes(rehashed(line, (GENESIS.encode(), b"0" * 64)) + b"\n")
    with pytest.raises(ForeignJournal, match="it has another format"):
        read_journal(path)


def test_a_changed_line_whose_hash_was_not_made_anew_is_damage_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path, FACTS[:4])
    path.write_bytes(path.read_bytes().replace(b'"StepSucceeded"', b'"StepApplauded"'))
    with pytest.raises(JournalError, match="its hash does not match") as caught:
        read_journal(path)
    assert not isinstance(caught.value, ForeignJournal)
