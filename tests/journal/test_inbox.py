"""Facts from other processes arrive whole, with the owner as the kernel knows them; garbage is set aside."""

import json
import os
from pathlib import Path

import pytest

from drx.engine.events import Answered, NoteAdded
from drx.engine.terms import Choice, QuestionKind
from drx.journal import Delivery, Rejected, place, take
from drx.journal.inbox import INBOX, Deliverable, is_delivery

APPROVAL = Answered("switch", 1, QuestionKind.STEP, Choice.APPROVE)


def test_what_is_placed_is_taken_in_order_until_removed(tmp_path: Path) -> None:
    facts: list[Deliverable] = [NoteAdded("first"), APPROVAL, NoteAdded("third")]
    for fact in facts:
        place(tmp_path, fact)
    deliveries: list[Delivery] = []
    for _ in range(2):
        deliveries = [item for item in take(tmp_path) if isinstance(item, Delivery)]
        assert [delivery.fact for delivery in deliveries] == facts
    for delivery in deliveries:
        delivery.settle()
    assert list(take(tmp_path)) == []


@pytest.mark.parametrize(
    ("written", "says"),
    [(1764209640, "it rings (written 2025-11-27 02:14:00 UTC)"), (-5, "it rings (written 1970-01-01 00:00:00 UTC)"),
     (2_100_000_000, "it rings")],
)  # fmt: skip
def test_a_note_that_waited_says_when_it_was_written(tmp_path: Path, written: int, says: str) -> None:
    for fact in (NoteAdded("it rings"), APPROVAL):
        os.utime(place(tmp_path, fact), (written, written))
    assert [item.fact for item in take(tmp_path) if isinstance(item, Delivery)] == [NoteAdded(says), APPROVAL]


def test_no_inbox_is_an_empty_inbox(tmp_path: Path) -> None:
    assert list(take(tmp_path)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_is_who_the_kernel_says(tmp_path: Path) -> None:
    os.chown(place(tmp_path, APPROVAL), 1, -1)
    os.chown(place(tmp_path, APPROVAL), 3_999_999, -1)
    assert [item.owner for item in take(tmp_path) if isinstance(item, Delivery)] == ["daemon", "uid:3999999"]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("junk", b"\x00\xff", "unknown type"),
        ("1.NoteAdded.json", b"{", "Invalid JSON"),
        ("1.NoteAdded.json", b'{"text":"a","by":"root"}', "Extra inputs"),
        ("1.NoteAdded.json", json.dumps({"text": "x" * 1_000_001}).encode(), "too large"),
        ("1.RunFinished.json", b'{"outcome":"succeeded"}', "not for others to say"),
        ("1.TargetCreated.json", b'{"target":"mongo","resource":"pixelcraft"}', "not for others to say"),
    ],
)
def test_garbage_is_set_aside_and_said(tmp_path: Path, name: str, text: bytes, reason: str) -> None:
    place(tmp_path, NoteAdded("fine"))
    (tmp_path / INBOX / name).write_bytes(text)
    items = list(take(tmp_path))
    rejected = [item for item in items if isinstance(item, Rejected)]
    assert [(item.name, reason in item.reason) for item in rejected] == [(name, True)]
    assert [item.fact for item in items if isinstance(item, Delivery)] == [NoteAdded("fine")]
    assert (tmp_path / INBOX / "refused" / name).read_bytes() == text
    assert not any(isinstance(item, Rejected) for item in take(tmp_path))


def test_links_pipes_and_folders_are_no_deliveries(tmp_path: Path) -> None:
    letter = place(tmp_path, APPROVAL)
    inbox = tmp_path / INBOX
    os.link(letter, tmp_path / "borrowed")
    (inbox / "2.NoteAdded.json").symlink_to(letter)
    (inbox / "3.NoteAdded.json").mkdir()
    os.mkfifo(inbox / "4.NoteAdded.json")
    assert all(isinstance(item, Rejected) for item in take(tmp_path))
    assert list(take(tmp_path)) == []


def test_a_letter_being_written_is_left_alone(tmp_path: Path) -> None:
    place(tmp_path, APPROVAL).unlink()
    half = tmp_path / INBOX / ".1.NoteAdded.json.x7"
    half.write_bytes(b"{")
    assert list(take(tmp_path)) == []
    assert half.exists()


def test_only_what_a_holder_would_read_is_a_delivery(tmp_path: Path) -> None:
    letter = place(tmp_path, APPROVAL)
    junk = tmp_path / INBOX / "1.NoteAdded.json"
    junk.write_bytes(b"{")
    hidden = tmp_path / INBOX / ".2.NoteAdded.json"
    hidden.write_bytes(letter.read_bytes())
    assert is_delivery(letter)
    assert not is_delivery(junk)
    assert not is_delivery(hidden)
    assert not is_delivery(tmp_path / INBOX / "gone.NoteAdded.json")
    assert junk.exists()
    assert letter.exists()


def test_a_place_for_refused_things_that_is_a_link_is_not_used(tmp_path: Path) -> None:
    """It could lead what others place to wherever its maker wants it."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place(tmp_path, APPROVAL).unlink()
    (tmp_path / INBOX / "refused").symlink_to(elsewhere)
    junk = tmp_path / INBOX / "1.NoteAdded.json"
    junk.write_bytes(b"{")
    (rejected,) = take(tmp_path)
    assert isinstance(rejected, Rejected)
    assert "it cannot be moved away: refused is not the inbox's own" in rejected.reason
    assert list(elsewhere.iterdir()) == []
    assert junk.exists()


def test_a_letter_that_is_taken_away_meanwhile_is_none(tmp_path: Path) -> None:
    for text in ("first", "second", "third"):
        place(tmp_path, NoteAdded(text))
    letters = take(tmp_path)
    first = next(letters)
    assert isinstance(first, Delivery)
    sorted((tmp_path / INBOX).iterdir())[1].unlink()
    assert [item.fact for item in letters if isinstance(item, Delivery)] == [NoteAdded("third")]
