"""Metrics as Prometheus reads them; where promtool is at hand, it says so itself, and that the alerts fire."""

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drx.reports.atlas import AtlasBackup, judge_atlas
from drx.reports.metrics import HELP, metrics_text
from drx.reports.readiness import (
    Copies,
    Due,
    Level,
    Objective,
    Readiness,
    Stores,
    judge_copies,
    judge_jobs,
    judge_rpo,
    judge_window,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DOCS = Path(__file__).parents[2] / "docs"
PROMTOOL = shutil.which("promtool")
promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")


def _readiness(job: str = "nightly-backup") -> Readiness:
    stores = Stores(NOON - 24 * HOUR, NOON - 2 * HOUR, 1, stored_bytes=5_000)
    jobs = (
        Due(f"run {job}", None, NOON - 9 * HOUR, NOON - 33 * HOUR, "failed", NOON - 57 * HOUR, 61.5, "production"),
        Due(f"run {job}", None, NOON - 40 * HOUR, NOON - 33 * HOUR, "failed", NOON - 57 * HOUR, 61.5, "production"),
        Due("drill db-drop", None, NOON - 9 * HOUR, None),
        Due("run never", None, NOON - 9 * HOUR, None, stated_since=NOON - 10 * HOUR),
    )
    lines = (
        judge_rpo(HOUR, stores, NOON, slices="hourly-incremental"),
        Objective("RTO db-drop", "drilled", Level.OK, "", 2 * HOUR, timedelta(seconds=14), "VERIFIED"),
        Objective("RTO bad-deploy", "never drilled", Level.WARNING, "", HOUR, None, "NOT VERIFIED"),
        *judge_window(stores),
        judge_atlas(AtlasBackup(True, NOON - 99 * HOUR, NOON - HOUR, window=48 * HOUR), HOUR, NOON),
        judge_copies(Copies("two copies", sound=False, count=2)),
        *judge_jobs(jobs),
    )
    return Readiness("pixelcraft", "production", NOON, lines, jobs)


def test_every_figure_is_there_once() -> None:
    here = 'service="pixelcraft",environment="production"'
    samples = [line for line in metrics_text(_readiness()).splitlines() if not line.startswith("#")]
    found = dict(line.rsplit(" ", 1) for line in samples)
    assert len(found) == len(samples)
    assert {name.partition("{")[0].removeprefix("drx_") for name in found} == set(HELP)
    assert found[f"drx_rpo_actual_seconds{{{here}}}"] == "7200.0"
    assert found[f'drx_rta_last_seconds{{{here},runbook="db-drop"}}'] == "14.0"
    assert f'drx_rta_last_seconds{{{here},runbook="bad-deploy"}}' not in found
    assert found[f'drx_runbook_verified{{{here},runbook="bad-deploy"}}'] == "0.0"
    assert found[f'drx_job_missed{{{here},job="nightly-backup"}}'] == "1.0"
    assert found['drx_job_missed{service="pixelcraft",environment="production",job="never"}'] == "1.0"
    assert not any('job="db-drop"' in name for name in found)
    assert found[f'drx_job_last_duration_seconds{{{here},job="nightly-backup"}}'] == "61.5"
    assert found[f"drx_restore_window_end_timestamp_seconds{{{here}}}"] == repr((NOON - 2 * HOUR).timestamp())
    assert found[f"drx_copies{{{here}}}"] == "2.0"
    assert found[f"drx_atlas_snapshot_timestamp_seconds{{{here}}}"] == repr((NOON - HOUR).timestamp())
    assert found[f"drx_atlas_window_start_timestamp_seconds{{{here}}}"] == repr((NOON - 48 * HOUR).timestamp())


def test_the_docs_name_every_metric() -> None:
    text = (DOCS / "monitoring.md").read_text()
    assert [name for name in HELP if f"| `{name}` |" not in text] == []


@promtool
def test_promtool_reads_the_file_whatever_a_job_is_called() -> None:
    text = metrics_text(_readiness('a"b\\c'))
    done = subprocess.run([str(PROMTOOL), "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@promtool
def test_the_alerts_fire_for_what_is_wrong_and_only_then(tmp_path: Path) -> None:
    bad = metrics_text(_readiness())
    series = [
        {"series": line.rsplit(" ", 1)[0], "values": f"{line.rsplit(' ', 1)[1]}x700"}
        for line in bad.splitlines()
        if not line.startswith("#") and "status_timestamp" not in line
    ]
    here = '{service="pixelcraft",environment="production"}'
    series.append({"series": f"drx_status_timestamp_seconds{here}", "values": "0x700"})
    fires = {"RecoveryPointAtRisk", "JobFailed", "JobMissed", "CopiesNotSound", "StatusIsOld"}
    quiet = {"NothingCanBeRestored", "RunbookNotVerified"}  # there is a backup; and seven days are not over
    expressions = [
        {"expr": f'min(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)', "eval_time": "3h",
         "exp_samples": [{"labels": "{}", "value": int(name in fires)}]}
        for name in sorted(fires | quiet)
    ]  # fmt: skip
    test = {
        "rule_files": [str(DOCS / "monitoring" / "alerts.yml")], "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": expressions}],
    }  # fmt: skip
    (tmp_path / "test.yml").write_text(json.dumps(test))
    done = subprocess.run(
        [str(PROMTOOL), "test", "rules", str(tmp_path / "test.yml")], text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
