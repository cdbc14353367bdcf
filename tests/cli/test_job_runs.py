"""The newest runs of jobs, out of records here and in a bucket: few are opened, however many there are."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drx.backup.stores.base import DirectoryAddress, Entry, Found
from drx.backup.stores.directory import DirectoryStore
from drx.cli.status.job_runs import Records
from drx.runner.copying import Shelf
from drx.schedule.jobs import Job

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
JOB = Job("slices", ("run", "slices"), "production", "5,35 * * * *", "UTC", "", HOUR, HOUR, HOUR, ())


class Counting(DirectoryStore):
    """A store that counts what it is asked."""

    def __init__(self, path: Path) -> None:
        super().__init__(DirectoryAddress(path))
        self.asked: list[str] = []

    def list(self, prefix: str) -> Iterator[Entry]:
        self.asked.append(f"list {prefix}")
        return super().list(prefix)

    def find(self, key: str) -> Found | None:
        self.asked.append(f"find {key}")
        return super().find(key)


@dataclass
class Bucket:
    """What others copied."""

    path: Path
    store: Counting = field(init=False)

    def __post_init__(self) -> None:
        self.path.mkdir()
        self.store = Counting(self.path)

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.store, "svc")

    def put(
        self, at: datetime, outcome: str | None, *, subject: str = "slices", environment: str = "production"
    ) -> str:
        name = f"{at:%Y-%m-%dT%H%MZ}-{subject}-7f3a"
        (self.path / "svc" / "runs").mkdir(parents=True, exist_ok=True)
        started = {"type": "RunStarted", "data": {"environment": environment}}
        (self.path / "svc" / "runs" / f"{name}.json").write_text(json.dumps(started))
        if outcome:
            files = self.path / "svc" / "records" / name / "files"
            files.mkdir(parents=True)
            run = {"environment": environment, "outcome": outcome, "whole": {"total": 7.0}}
            (files / "report.json").write_text(json.dumps({"run": run}))
        return name


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(tmp_path / "bucket")


def test_a_thousand_runs_cost_two_listings_and_a_report(bucket: Bucket, tmp_path: Path) -> None:
    for number in range(1000):
        bucket.put(NOW - HOUR * (number + 1) / 2, "succeeded" if number == 0 else None)
    (found,) = Records(tmp_path / "none", bucket.shelf).newest([JOB], NOW)
    assert found is not None
    assert (found.at, found.outcome, found.seconds) == (NOW - HOUR / 2, "succeeded", 7.0)
    assert [each.partition(" ")[0] for each in bucket.store.asked] == ["list", "list", "find"]
    assert bucket.store.asked[:2] == ["list svc/runs/2026-11", "list svc/runs/2026-10"]


def test_a_job_that_has_not_run_for_long_is_found_all_the_same(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put(NOW - timedelta(days=200), "succeeded")
    (found,) = Records(tmp_path / "none", bucket.shelf).newest([JOB], NOW)
    assert found is not None
    assert found.succeeded_at == NOW - timedelta(days=200)


def test_runs_here_and_elsewhere_are_one_row(bucket: Bucket, tmp_path: Path) -> None:
    here = tmp_path / "records"
    bucket.put(NOW - 3 * HOUR, "succeeded")
    bucket.put(NOW - HOUR, "succeeded", environment="staging")
    bucket.put(NOW - HOUR / 2, None, environment="staging")
    local = here / f"{NOW - 2 * HOUR:%Y-%m-%dT%H%MZ}-slices-aaaa"
    local.mkdir(parents=True)
    (local / "report.json").write_text('{"run": {"environment": "production", "outcome": "failed"}}')
    (found,) = Records(here, bucket.shelf).newest([JOB], NOW)
    assert found is not None
    assert (found.run, found.outcome, found.succeeded_at) == (local.name, "failed", NOW - 3 * HOUR)
    (alone,) = Records(here).newest([JOB], NOW)
    assert alone is not None
    assert (alone.outcome, alone.succeeded_at) == ("failed", None)


def test_one_that_is_at_work_now_has_begun(bucket: Bucket, tmp_path: Path) -> None:
    name = bucket.put(NOW - HOUR, None)
    (found,) = Records(tmp_path / "none", bucket.shelf).newest([JOB], NOW)
    assert found is not None
    assert (found.run, found.outcome) == (name, "unfinished")


def test_a_long_name_is_cut_in_the_id_of_its_run(bucket: Bucket, tmp_path: Path) -> None:
    long = "a" * 50
    bucket.put(NOW - HOUR, "succeeded", subject=long[:40])
    job = replace(JOB, arguments=("run", long))
    assert Records(tmp_path / "none", bucket.shelf).newest([job], NOW) != [None]


def _empty(record: Path) -> None:
    record.mkdir(parents=True)


def _strewn(**files: bytes) -> Callable[[Path], None]:
    def write(record: Path) -> None:
        record.mkdir(parents=True)
        for name, data in files.items():
            (record / name.replace("_", ".")).write_bytes(data)

    return write


def _pipes(record: Path) -> None:
    record.mkdir(parents=True)
    for name in ("report.json", "journal.jsonl"):
        os.mkfifo(record / name)


@pytest.mark.parametrize("write", [
    _empty, _pipes, Path.touch, lambda record: record.symlink_to(record),
    _strewn(report_json=b""), _strewn(report_json=b"\x00\xff"), _strewn(report_json=b"[" * 100_000),
    _strewn(report_json=b'{"run": []}', journal_jsonl=b"half a li"), _strewn(report_json=b'{"run": {"whole": 1}}'),
])  # fmt: skip
@pytest.mark.parametrize("name", ["2026-11-27T1059Z-slices-7f3a", "2026-13-45T9999Z-slices-7f3a", "20 \u6f22"])
def test_a_record_that_is_none_or_damaged_hides_no_other(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    good = tmp_path / "2026-11-27T1005Z-slices-7f3a"
    good.mkdir()
    (good / "report.json").write_text(json.dumps({"run": {"environment": "production", "outcome": "succeeded"}}))
    write(tmp_path / name)
    (found,) = Records(tmp_path).newest([JOB], NOW)
    assert found is not None
    assert found.run in (name, good.name)
    assert found.succeeded_at == NOW.replace(hour=10, minute=5)


def test_a_run_that_a_wrong_clock_began_in_the_future_is_not_the_newest(tmp_path: Path) -> None:
    for name in ("2026-11-27T1005Z-slices-7f3a", "2099-01-01T0000Z-slices-7f3a"):
        (tmp_path / name).mkdir()
        report = {"run": {"environment": "production", "outcome": "succeeded"}}
        (tmp_path / name / "report.json").write_text(json.dumps(report))
    (found,) = Records(tmp_path).newest([JOB], NOW)
    assert found is not None
    assert found.run == "2026-11-27T1005Z-slices-7f3a"
