"""Judge what MongoDB Atlas keeps of a cluster by itself, for readiness. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from drx.reports.readiness import Level, Line, Objective
from drx.units import show_duration


@dataclass(frozen=True)
class AtlasBackup:
    """What Atlas says that it keeps of a cluster; `problem` says why nothing is known."""

    enabled: bool = False
    oldest: datetime | None = None
    """When the oldest complete snapshot was begun; None where there is none."""
    newest: datetime | None = None
    failed: datetime | None = None
    """When a snapshot was begun that failed, where none is newer."""
    window: timedelta | None = None
    """How far back any second can be restored; None where snapshots alone can."""
    problem: str = ""
    remedy: str = ""


def judge_atlas(atlas: AtlasBackup, rpo: timedelta, now: datetime) -> Line:
    """Say what a restore at Atlas would bring back, and hold it against the RPO where it reaches snapshots alone."""
    subject = "Atlas"
    if atlas.problem:
        remedy = atlas.remedy or "Let drx read the project at Atlas: the role Project Read Only suffices"
        return Line(subject, atlas.problem, Level.UNKNOWN, remedy)
    turn_on = "Turn on cloud backups of the cluster at Atlas"
    if atlas.newest is None or atlas.oldest is None:
        return Line(subject, "there is no complete snapshot", Level.WARNING, turn_on)
    age = max(now - atlas.newest, timedelta(0))
    found = f"newest snapshot {atlas.newest:%Y-%m-%d %H:%M}, {show_duration(age)} ago"
    values = {"atlas_snapshot_timestamp_seconds": atlas.newest.timestamp()}
    if atlas.window is None:
        found += "; no second between snapshots can be restored"
    else:
        begins = max(now - atlas.window, atlas.oldest)
        found += f"; any second since {begins:%Y-%m-%d %H:%M}, as Atlas says"
        values["atlas_window_start_timestamp_seconds"] = begins.timestamp()
    if remedy := _wanted(atlas, age, rpo):
        return Line(subject, found, Level.WARNING, remedy, values=values)
    return Line(subject, found, values=values)


def judge_rpo_at_atlas(atlas: AtlasBackup, rpo: timedelta, now: datetime) -> Objective:
    """Hold what Atlas alone would bring back against the RPO, where drx takes no backups.

    Up to which second it reaches, Atlas does not tell: where any can be restored, no figure is given.
    """
    line = judge_atlas(atlas, rpo, now)
    actual = None if atlas.newest is None or atlas.window else max(now - atlas.newest, timedelta(0))
    lost = line.level is Level.WARNING and (atlas.newest is None or (actual is not None and actual > rpo))
    level = Level.CRITICAL if lost else line.level
    return Objective("RPO", f"by Atlas alone: {line.found}", level, line.remedy, rpo, actual, values=line.values)


def _wanted(atlas: AtlasBackup, age: timedelta, rpo: timedelta) -> str:
    """What somebody should do about it; nothing where it is as it should be."""
    if not atlas.enabled:
        return "Cloud backups of the cluster are off, and what is there expires: turn them on at Atlas"
    if atlas.failed is not None:
        return f"The snapshot of {atlas.failed:%Y-%m-%d %H:%M} failed: look at the cluster's activity feed at Atlas"
    if atlas.window is None and age > rpo:
        return "A restore there would lose more than the RPO allows: turn on continuous cloud backup, or use drx's own"
    if atlas.window is not None and age > atlas.window:
        return "No snapshot is newer than the window is long: look at the cluster's backup policy at Atlas"
    return ""
