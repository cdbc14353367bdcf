"""`drx backups copies` on stores in directories and a bucket that is not there."""

import json
from pathlib import Path

import pytest

from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress
from drx.cli.backups.copies import copies
from drx.errors import UsageError
from tests.backup.pieces import DATABASE, put_base

CONFIG = """\
service: svc
objectives: {rto: 2h, rpo: 1h}
environments:
  production: {protected: true, mongo: {uri: "mongodb://127.0.0.1:1/", database: db}}
  bare: {}
backups:
  primary: {directory: primary}
  copies: [{directory: offline}]
  retention: {within: 7d, daily: 30, weekly: 8, monthly: 12, minimum: 3}
contacts: {channel: "#ops", on_call: ada}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "drx.yaml").write_text(CONFIG)
    for name in ("primary", "offline"):
        (tmp_path / name).mkdir()
    assert DATABASE == "db"
    put_base(open_store(DirectoryAddress(tmp_path / "primary")), "b1", 1000, {"dump/db/images.bson.gz": b"images"})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_people_see_every_store_and_the_verdict(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert copies("production", False) == 4
    assert capsys.readouterr().out == (
        f"primary  {project}/primary (directory)\n"
        "         restores up to 1970-01-01 00:16:40 UTC\n"
        f"copy     {project}/offline (directory)\n"
        "         restores nothing, lacks svc/base/b1/dump/db/images.bson.gz, svc/base/b1/manifest.json\n"
        "\n"
        "3-2-1  2 copies, 2 kinds, 0 elsewhere: no "
        "(offline copy holds nothing to restore; offline copy lacks 2 files)\n"
        "  three copies    NO   the live database, primary\n"
        "                       Fill offline: drx run nightly-backup\n"
        "  two kinds       yes  the database server's disks, a mounted disk\n"
        "  one elsewhere   NO   no bucket in another region can be restored from; "
        "where a directory's disk stands, drx cannot tell\n"
        "                       Make a bucket in another region, and add it to drx.yaml, below backups: copies:\n"
        "                         - {s3: {bucket: primary-eu-west-1, region: eu-west-1}}\n"
    )


def test_machines_see_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert copies("production", True) == 4
    found = json.loads(capsys.readouterr().out)
    assert (found["copies"], found["kinds"], found["elsewhere"], found["holds"]) == (2, 2, 0, False)
    assert [store["lacking_count"] for store in found["stores"]] == [0, 2]


def test_an_environment_without_a_database_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no database"):
        copies("bare", False)
