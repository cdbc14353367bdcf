"""The ledger and the database agree, however the writer ends."""

import os
import signal
import time

import pytest
from pymongo import MongoClient

from drx.errors import DrxError
from drx.sandbox import servers, writing
from drx.sandbox.comparison import compare
from drx.sandbox.documents import read_database
from drx.sandbox.ledger import read_history
from drx.sandbox.processes import is_alive, wait_until
from drx.sandbox.state import DATABASE, WRITER, SandboxState, ledger_path, load_state, log_path

SEEDED_WRITES = 330


def test_the_seed_is_what_the_ledger_says(seeded: SandboxState) -> None:
    with MongoClient[dict[str, object]](seeded.mongo_uri) as client:
        assert client[DATABASE]["images"].count_documents({}) == 300
        assert client[DATABASE]["users"].index_information()["email"]["unique"] is True
    history = read_history(ledger_path(seeded.directory))
    assert history.writes == SEEDED_WRITES
    assert _judge(seeded) == ""


def test_one_altered_document_is_noticed(seeded: SandboxState) -> None:
    with MongoClient[dict[str, object]](seeded.mongo_uri) as client:
        client[DATABASE]["images"].update_one({}, {"$inc": {"views": 1}})
    assert "0 missing, 1 different, 0 extra" in _judge(seeded)


def test_after_sigterm_every_write_is_acknowledged(seeded: SandboxState) -> None:
    writing.start_writing(seeded.directory, 300)
    assert writing.start_writing(seeded.directory, 300).pid == load_state(seeded.directory).member(WRITER).pid
    time.sleep(1.5)
    written = writing.stop_writing(seeded.directory)
    assert written.in_flight == 0
    assert written.writes > SEEDED_WRITES + 50
    assert _judge(seeded) == ""
    assert read_history(ledger_path(seeded.directory)).writes == written.writes
    assert load_state(seeded.directory).find(WRITER) is None
    operations = {line.split('"op": "')[1].split('"')[0] for line in _lines(seeded)}
    assert operations == {"insert", "update", "delete"}


def test_after_sigkill_at_most_one_write_is_in_flight(seeded: SandboxState) -> None:
    for kills in (1, 2, 3):
        member = writing.start_writing(seeded.directory, 500)
        time.sleep(0.2)
        os.kill(member.pid, signal.SIGKILL)
        written = writing.stop_writing(seeded.directory)
        assert written.in_flight <= kills
        assert _judge(seeded) == ""


def test_stops_by_itself_when_the_collection_is_gone(seeded: SandboxState) -> None:
    member = writing.start_writing(seeded.directory, 100)
    with MongoClient[dict[str, object]](seeded.mongo_uri) as client:
        client[DATABASE]["images"].drop()
    assert wait_until(lambda: not is_alive(servers.process_of(member)), 30)
    assert "is gone" in log_path(seeded.directory, WRITER).read_text()
    assert WRITER in {each.member.name for each in servers.status(seeded.directory) if each.condition == "dead"}
    writing.stop_writing(seeded.directory)


def test_without_data_there_is_nothing_to_write_to(seeded: SandboxState) -> None:
    with MongoClient[dict[str, object]](seeded.mongo_uri) as client:
        client.drop_database(DATABASE)
    with pytest.raises(DrxError, match=r"(?s)the writer does not write.*is gone"):
        writing.start_writing(seeded.directory, 100)
    writing.stop_writing(seeded.directory)


def _lines(state: SandboxState) -> list[str]:
    return ledger_path(state.directory).read_text().splitlines()


def _judge(state: SandboxState) -> str:
    """The empty text when database and ledger agree."""
    found = read_database(state.mongo_uri, DATABASE, lambda: None)
    verdict = compare(read_history(ledger_path(state.directory)), found)
    return "" if verdict.equal else verdict.summary(DATABASE)
