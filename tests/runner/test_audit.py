"""Records as evidence: intact ones are found intact, and a single changed byte anywhere is found."""

import io
import random
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from drx.engine.events import NoteAdded
from drx.errors import UsageError
from drx.journal import JOURNAL, Journal
from drx.runner.afterwards import annotate
from drx.runner.archive import pack, unpacked
from drx.runner.audit import audit
from drx.runner.record import SIGNATURE
from drx.runner.signature import sign
from tests.runner.project import OPERATOR, Project, steps_yaml

SAY = "{id: say, action: shell.run, with: {command: [echo, hello]}, expect: 1s}"
PLACES_PER_FILE = 40


@pytest.fixture
def record(project: Project) -> Path:
    """The record of a finished run, with an artifact."""
    project.write(steps_yaml(SAY, "{id: two, action: wait.until, with: {for: 0s}, expect: 1s}")).run()
    return project.record


def test_an_untouched_record_is_intact(record: Path) -> None:
    found = audit(record)

    assert found.problems == ()
    checks = ["journal", "frozen", "seal", "approvals", "reports", "signature"]
    assert [line.partition(":")[0] for line in found.held] == checks
    assert "byte by byte the same" in found.held[-2]
    assert "signature: none" in found.held[-1]


def test_every_changed_byte_is_found(record: Path) -> None:
    evidence = [path for path in record.rglob("*") if path.is_file() and path.name != "journal.lock"]
    assert len(evidence) >= 6

    for path in evidence:
        path.chmod(0o600)
        content = path.read_bytes()
        for place in range(0, len(content), max(1, len(content) // PLACES_PER_FILE)):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            found = audit(record)
            assert not found.intact, f"{path} at {place}"
            assert any(path.name in problem for problem in found.problems)
        path.write_bytes(content)

    assert audit(record).intact


def _remove(record: Path) -> str:
    (record / "report.md").unlink()
    return "report.md is missing"


def _remove_frozen(record: Path) -> str:
    (record / "frozen" / "drx.yaml").unlink()
    return "drx.yaml cannot be read"


def _add(record: Path) -> str:
    (record / "artifacts").mkdir(exist_ok=True)
    (record / "artifacts" / "forged.txt").write_text("all was well")
    return "forged.txt was added"


def _tear(record: Path) -> str:
    with (record / JOURNAL).open("ab") as file:
        file.write(b'{"seq":')
    return "torn (7 bytes)"


def _cut_end(record: Path) -> str:
    lines = (record / JOURNAL).read_bytes().splitlines(keepends=True)
    (record / JOURNAL).write_bytes(b"".join(lines[:-1]))
    return "is not sealed"


def _cut_middle(record: Path) -> str:
    lines = (record / JOURNAL).read_bytes().splitlines(keepends=True)
    (record / JOURNAL).write_bytes(b"".join(lines[:3]))
    return "has not finished"


def _empty(record: Path) -> str:
    (record / JOURNAL).write_bytes(b"")
    return "has not finished"


def _lose(record: Path) -> str:
    (record / JOURNAL).unlink()
    return "is missing: without it, this is no record"


@pytest.mark.parametrize("harm", [_remove, _remove_frozen, _add, _tear, _cut_end, _cut_middle, _empty, _lose])
def test_harm_is_named(record: Path, harm: Callable[[Path], str]) -> None:
    expected = harm(record)

    found = audit(record)

    assert not found.intact
    assert expected in "\n".join(found.problems)


def test_a_report_that_the_journal_contradicts_is_found_though_it_was_sealed(
    record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drx.runner.audit.reports_of", lambda facts, history: {"report.md": b"another"})

    assert "report.md is not what the journal says" in "\n".join(audit(record).problems)


def test_another_versions_reports_are_held_against_the_seal_only(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drx.runner.audit.__version__", "99.0")

    found = audit(record)

    assert found.intact
    assert "99.0 does not repeat it" in found.held[-2]


def test_a_note_after_the_end_is_sealed_again(project: Project, record: Path) -> None:
    annotate(record, [NoteAdded("customers were told")], project.setting())
    assert audit(record).intact

    with Journal.open(record / JOURNAL, OPERATOR, lambda text: text) as journal:
        journal.append(NoteAdded("slipped in"), OPERATOR)
        journal.sync()

    assert "is not sealed" in "\n".join(audit(record).problems)


def test_an_archive_is_reproducible_and_can_be_audited(record: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.tar.gz", tmp_path / "second.tar.gz"
    pack(record, first)
    (record / "report.md").touch()
    pack(record, second)

    assert first.read_bytes() == second.read_bytes()
    with unpacked(first) as again:
        assert again.name == record.name
        assert audit(again).intact


def test_what_is_no_archive_is_refused(record: Path, tmp_path: Path) -> None:
    path = tmp_path / "archive.tar.gz"
    pack(record, path)
    whole = path.read_bytes()
    outside = io.BytesIO()
    with tarfile.open(fileobj=outside, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../outside"), io.BytesIO())
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w:gz").close()

    for content in (b"", b"not gzip", whole[: len(whole) // 2], outside.getvalue(), empty.getvalue()):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="archive"), unpacked(path):
            pass


needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


def _key(folder: Path, name: str) -> Path:
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
    return path


@needs_ssh
def test_a_signature_tells_who_signed(record: Path, tmp_path: Path) -> None:
    key = _key(tmp_path, "ada")
    signers = tmp_path / "drx.signers"
    signers.write_text(f"ada@example.org {key.with_suffix('.pub').read_text()}")

    sign(record, key)

    assert "signature: by ada@example.org" in audit(record, signers).held[-1]
    assert "no file of signers says whose" in audit(record).held[-1]


@needs_ssh
def test_only_what_still_counts_of_a_key_does(record: Path, tmp_path: Path) -> None:
    key = _key(tmp_path, "ada")
    public = key.with_suffix(".pub").read_text()
    signers = tmp_path / "drx.signers"
    sign(record, key)
    old = f'ada valid-before="20200101" {public}'
    for text, name in (
        (f"ada@x,ada@y {public}", "ada@y"),
        (f"{old}ada@x {public}", "ada@x"),
        (f'ada namespaces="file,drx" {public}', "ada"),
    ):
        signers.write_text(text)
        assert f"signature: by {name}," in audit(record, signers).held[-1]
    for text in (f'ada namespaces="git" {public}', old, f"ada cert-authority {public}", "", "scribble\n"):
        signers.write_text(text)
        assert not audit(record, signers).intact, text


@needs_ssh
def test_a_signature_that_was_taken_away_is_missed_where_one_is_asked_for(record: Path, tmp_path: Path) -> None:
    key = _key(tmp_path, "ada")
    signers = tmp_path / "drx.signers"
    signers.write_text(f"ada {key.with_suffix('.pub').read_text()}")
    sign(record, key)
    assert audit(record, signers, must_be_signed=True).intact

    (record / SIGNATURE).unlink()

    assert "is not signed" in "\n".join(audit(record, signers, must_be_signed=True).problems)


@needs_ssh
def test_signatures_of_strangers_and_of_other_journals_do_not_count(record: Path, tmp_path: Path) -> None:
    signers = tmp_path / "drx.signers"
    signers.write_text(f"ada@example.org {_key(tmp_path, 'ada').with_suffix('.pub').read_text()}")
    sign(record, _key(tmp_path, "eve"))
    assert "does not know" in "\n".join(audit(record, signers).problems)

    other = tmp_path / "other"
    shutil.copytree(record, other)
    (other / JOURNAL).write_bytes(b"another journal\n")
    signature = sign(other, tmp_path / "ada").read_bytes()
    (record / SIGNATURE).write_bytes(signature)
    assert "is not a signature of this journal" in "\n".join(audit(record, signers).problems)

    (record / SIGNATURE).write_bytes(b"scribble")
    assert "is not a signature of this journal" in "\n".join(audit(record, signers).problems)


@needs_ssh
def test_what_is_said_later_is_not_signed_and_takes_nothing_from_what_was(
    project: Project, record: Path, tmp_path: Path
) -> None:
    signers = tmp_path / "signers"
    signers.write_text(f"ada {_key(tmp_path, 'ada').with_suffix('.pub').read_text()}")
    sign(record, tmp_path / "ada")
    for text in ('it said "type":"ReportWritten"', "and again"):
        annotate(record, [NoteAdded(text)], project.setting())

    found = audit(record, signers)
    assert found.intact, found.problems
    assert "by ada" in found.held[-1]
    assert "the last 4 events are not signed, because they came later" in found.held[-1]
    (problem,) = audit(record, signers, must_be_signed=True).problems
    assert "the last 4 events are not signed; `drx sign` signs all of it" in problem

    sign(record, tmp_path / "ada")
    assert audit(record, signers, must_be_signed=True).intact


@needs_ssh
def test_a_key_that_cannot_sign_leaves_the_signature_that_is_there(record: Path, tmp_path: Path) -> None:
    before = sign(record, _key(tmp_path, "ada")).read_bytes()

    with pytest.raises(UsageError, match="does not sign"):
        sign(record, tmp_path / "ada.lost")
    (tmp_path / "ada").chmod(0o644)
    with pytest.raises(UsageError, match=r"does not sign: Permissions 0644 for .* are too open"):
        sign(record, tmp_path / "ada")

    assert (record / SIGNATURE).read_bytes() == before


@needs_ssh
@pytest.mark.slow
def test_every_changed_byte_of_a_signature_is_found(record: Path, tmp_path: Path) -> None:
    signers = tmp_path / "signers"
    signers.write_text(f"ada {_key(tmp_path, 'ada').with_suffix('.pub').read_text()}")
    content = sign(record, tmp_path / "ada").read_bytes()
    assert audit(record, signers).intact

    for place in range(len(content)):
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        (record / SIGNATURE).write_bytes(changed)
        assert SIGNATURE in "\n".join(audit(record, signers).problems), place


@needs_ssh
@pytest.mark.slow
def test_flips_anywhere_in_a_signed_record_are_found(record: Path, tmp_path: Path) -> None:
    sign(record, _key(tmp_path, "ada"))
    chance = random.Random(20261126)  # the same places every time
    evidence = sorted(path for path in record.rglob("*") if path.is_file() and path.name != "journal.lock")
    assert audit(record).intact

    for _ in range(300):
        path = chance.choice([path for path in evidence if path.stat().st_size])
        path.chmod(0o600)
        content = path.read_bytes()
        place, bit = chance.randrange(len(content)), 1 << chance.randrange(8)
        path.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
        assert not audit(record).intact, f"{path.name} at {place}, {bit}"
        path.write_bytes(content)

    assert audit(record).intact


@needs_ssh
def test_a_key_that_cannot_sign_is_named(record: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not sign"):
        sign(record, tmp_path / "missing")
    assert not (record / SIGNATURE).exists()


def test_without_ssh_keygen_a_signature_is_not_believed(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (record / SIGNATURE).write_bytes(b"scribble")
    monkeypatch.setenv("PATH", "/nowhere")

    assert "ssh-keygen is not installed" in "\n".join(audit(record).problems)
