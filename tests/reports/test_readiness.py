"""How readiness is judged: every line at its level, each trouble with what to do about it."""

from datetime import UTC, datetime, timedelta

import pytest

from drx.reports.atlas import AtlasBackup, judge_atlas, judge_rpo_at_atlas
from drx.reports.plan.shapes import Verified
from drx.reports.readiness import (
    CUT_OFF,
    Copies,
    Due,
    Level,
    Line,
    Oplog,
    Readiness,
    Scenario,
    Stores,
    Versions,
    judge_copies,
    judge_jobs,
    judge_oplog,
    judge_rpo,
    judge_scenario,
    judge_tests,
    judge_versions,
    judge_window,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PROOF = Verified("db-drop", "r", "sandbox", NOW - 24 * HOUR, NOW + 24 * HOUR, "same", 60.0, 1.0, "j")


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


@pytest.mark.parametrize(
    ("stores", "level", "actual"),
    [
        (Stores(ago(days=3), ago(minutes=22)), Level.OK, timedelta(minutes=22)),
        (Stores(ago(days=3), ago(minutes=60)), Level.OK, HOUR),
        (Stores(ago(days=3), ago(minutes=61)), Level.CRITICAL, timedelta(minutes=61)),
        (Stores(ago(days=3), NOW + HOUR), Level.OK, timedelta(0)),  # another machine's clock is ahead
        (Stores(), Level.CRITICAL, None),
        (Stores(problem="the bucket says: AccessDenied"), Level.UNKNOWN, None),
    ],
)
def test_rpo(stores: Stores, level: Level, actual: timedelta | None) -> None:
    line = judge_rpo(HOUR, stores, NOW, slices="hourly")
    assert (line.level, line.actual, line.target) == (level, actual, HOUR)
    assert bool(line.remedy) == (level is not Level.OK)


@pytest.mark.parametrize(
    ("proof", "hashed", "rto", "now", "level", "state", "found"),
    [
        (PROOF, "same", HOUR, NOW, Level.OK, "VERIFIED", "unchanged since"),
        (PROOF, "edited", HOUR, NOW, Level.WARNING, "NOT VERIFIED", "it has changed since"),
        (PROOF, "same", HOUR, NOW + 25 * HOUR, Level.WARNING, "NOT VERIFIED", "valid until 2026-11-27"),
        (PROOF, "same", timedelta(seconds=59), NOW, Level.CRITICAL, "VERIFIED", "unchanged since"),
        (None, "same", HOUR, NOW, Level.WARNING, "NOT VERIFIED", "never drilled"),
    ],
)
def test_scenarios(
    proof: Verified | None, hashed: str, rto: timedelta, now: datetime, level: Level, state: str, found: str
) -> None:
    line = judge_scenario(Scenario("db-drop", rto, hashed, proof), now)
    assert (line.level, line.state) == (level, state)
    assert found in line.found
    assert bool(line.remedy) == (level is not Level.OK)


@pytest.mark.parametrize(
    ("oplog", "level"),
    [
        (Oplog(ago(hours=26), timedelta(minutes=30)), Level.OK),
        (Oplog(ago(minutes=45), timedelta(minutes=30)), Level.WARNING),
        (Oplog(ago(minutes=20), timedelta(minutes=30)), Level.CRITICAL),
        (Oplog(ago(minutes=20), None), Level.OK),
        (Oplog(None, None, "the MongoDB server does not answer"), Level.UNKNOWN),
    ],
)
def test_oplog(oplog: Oplog, level: Level) -> None:
    assert judge_oplog(oplog, NOW).level is level


def test_window_copies_and_versions() -> None:
    (whole,) = judge_window(Stores(ago(days=1), NOW))
    assert whole == Line("restore to", "any second from 2026-11-25 12:00:00 to 2026-11-26 12:00:00")
    (broken,) = judge_window(Stores(ago(days=1), NOW, gaps=2))
    assert (broken.level, broken.found[-6:]) == (Level.WARNING, "2 gaps")
    (point,) = judge_window(Stores(NOW, NOW))
    assert point.found.endswith("that moment only")
    assert list(judge_window(Stores())) == []
    assert judge_copies(Copies("1 copy: no", sound=False)).level is Level.WARNING
    assert judge_versions(Versions(False)).level is Level.WARNING
    assert judge_versions(Versions(None, "no answer")).level is Level.UNKNOWN


def test_jobs_that_were_missed_or_failed() -> None:
    tomorrow = NOW + 24 * HOUR
    due = [
        Due("run in-time", tomorrow, ago(hours=1), ago(hours=1)),
        Due("run a-minute-early", tomorrow, ago(hours=1), ago(minutes=61)),
        Due("run missed", tomorrow, ago(hours=1), ago(hours=25)),
        Due("run failed", tomorrow, ago(hours=2), ago(hours=2), "failed", last_run="r-7f3a"),
        Due("run killed", tomorrow, ago(hours=2), ago(hours=2), CUT_OFF, last_run="r-0815"),
        Due("run at-work", tomorrow, ago(hours=2), ago(hours=2), "unfinished"),
        Due("run elsewhere", NOW + HOUR, ago(hours=1), None),
        Due("run never", tomorrow, ago(hours=1), None, stated_since=ago(hours=2)),
        Due("run newly-stated", tomorrow, ago(hours=1), None, stated_since=ago(minutes=30)),
        Due("run not-yet-due", tomorrow, None, None, stated_since=ago(hours=2)),
    ]
    lines = list(judge_jobs(due))
    assert lines[0].found.startswith("run elsewhere 2026-11-26 13:00 · ")
    assert [(line.subject, line.found.split()[1]) for line in lines[1:]] == [
        ("missed", "missed"),
        ("failed", "failed"),
        ("killed", "killed"),
        ("missed", "never"),
    ]
    assert lines[2].remedy == "Look at that run: drx show r-7f3a"
    assert lines[3].found == "run killed began 2026-11-26 10:00 and never ended"
    assert lines[4].found == "run never was due 2026-11-26 11:00, and no run of it was ever seen"


@pytest.mark.parametrize(
    ("levels", "worst"),
    [
        ([Level.OK, Level.OK], Level.OK),
        ([Level.OK, Level.WARNING, Level.UNKNOWN], Level.UNKNOWN),
        ([Level.UNKNOWN, Level.CRITICAL], Level.CRITICAL),
        ([], Level.UNKNOWN),
    ],
)
def test_the_worst_line_counts(levels: list[Level], worst: Level) -> None:
    lines = tuple(Line(str(number), "", level, "do it") for number, level in enumerate(levels))
    assert Readiness("s", "e", NOW, lines).level is worst


def test_a_restore_test_that_failed_is_critical() -> None:
    assert list(judge_tests(Stores(ago(days=1), NOW))) == []
    (passed,) = judge_tests(Stores(ago(days=1), NOW, tested_at=ago(hours=3), test_passed=True))
    assert passed.level is Level.OK
    assert "VERIFIED" in passed.found
    (failed,) = judge_tests(Stores(ago(days=1), NOW, tested_at=ago(hours=3)))
    assert (failed.level, failed.found.split()[0]) == (Level.CRITICAL, "FAILED")


@pytest.mark.parametrize(
    ("atlas", "level", "found", "remedy"),
    [
        (
            AtlasBackup(True, ago(days=9), ago(hours=5), window=7 * 24 * HOUR),
            Level.OK,
            "any second since 2026-11-19",
            "",
        ),
        (
            AtlasBackup(True, ago(days=2), ago(hours=5), window=7 * 24 * HOUR),
            Level.OK,
            "any second since 2026-11-24",
            "",
        ),
        (AtlasBackup(True, ago(days=2), ago(minutes=60)), Level.OK, "1h ago; no second between", ""),
        (AtlasBackup(True, ago(days=2), NOW + HOUR), Level.OK, "0s ago", ""),  # another machine's clock is ahead
        (
            AtlasBackup(True, ago(days=2), ago(minutes=61)),
            Level.WARNING,
            "2026-11-26 10:59, 1h 01m ago",
            "than the RPO",
        ),
        (AtlasBackup(True, ago(days=9), ago(days=3), window=48 * HOUR), Level.WARNING, "3d ago", "backup policy"),
        (
            AtlasBackup(True, ago(days=2), ago(minutes=9), ago(minutes=5)),
            Level.WARNING,
            "9m ago",
            "of 2026-11-26 11:55",
        ),
        (AtlasBackup(False, ago(days=2), ago(minutes=9)), Level.WARNING, "9m ago", "turn them on"),
        (AtlasBackup(True), Level.WARNING, "no complete snapshot", "Turn on"),
        (AtlasBackup(problem="Atlas says 401"), Level.UNKNOWN, "Atlas says 401", "Project Read Only"),
    ],
)
def test_atlas(atlas: AtlasBackup, level: Level, found: str, remedy: str) -> None:
    line = judge_atlas(atlas, HOUR, NOW)
    assert (line.level, bool(line.remedy)) == (level, level is not Level.OK)
    assert found in line.found
    assert remedy in line.remedy


@pytest.mark.parametrize(
    ("atlas", "level", "actual"),
    [
        (AtlasBackup(True, ago(days=9), ago(hours=5), window=48 * HOUR), Level.OK, None),
        (AtlasBackup(True, ago(days=9), ago(minutes=20)), Level.OK, timedelta(minutes=20)),
        (AtlasBackup(True, ago(days=9), ago(hours=5)), Level.CRITICAL, 5 * HOUR),
        (AtlasBackup(True, ago(days=9), ago(minutes=20), ago(minutes=1)), Level.WARNING, timedelta(minutes=20)),
        (AtlasBackup(True, ago(days=9), ago(hours=5), ago(minutes=1)), Level.CRITICAL, 5 * HOUR),
        (AtlasBackup(True), Level.CRITICAL, None),
        (AtlasBackup(problem="401"), Level.UNKNOWN, None),
    ],
)
def test_the_rpo_rests_on_atlas_alone(atlas: AtlasBackup, level: Level, actual: timedelta | None) -> None:
    line = judge_rpo_at_atlas(atlas, HOUR, NOW)
    assert (line.level, line.actual, line.target, line.subject) == (level, actual, HOUR, "RPO")
    assert bool(line.remedy) == (level is not Level.OK)
