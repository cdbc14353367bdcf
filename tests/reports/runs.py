"""Whole runs as tests of reports use them: a drill that passes, drills that fail, an eventful incident."""

from dataclasses import replace
from datetime import date, timedelta

from drx.engine.events import (
    AbortRequested,
    ActionItemAdded,
    ActionItemClosed,
    ClockDiverged,
    ClockStarted,
    InputGiven,
    NoteAdded,
    PauseRequested,
    ReportWritten,
    RetryScheduled,
    ReviewAnswered,
    RunFinished,
    RunPaused,
    RunResumed,
    SecretsRead,
    StepCancelled,
    StepIgnored,
    StepSkipped,
    StepTimedOut,
    TargetCreated,
    TargetIdentified,
    TargetLost,
)
from drx.engine.plan import Phase, Plan
from drx.engine.terms import Choice, Outcome, Part, QuestionKind
from drx.reports.plan.shapes import Verified
from drx.reports.shapes import Word
from drx.reports.trend import History, Past
from tests.reports.builder import ANNA, BEN, START, Journal, automated, drill_plan, group, human, incident_plan, seconds

DRILL = replace(
    drill_plan(
        automated("seed", "Seed PixelCraft", phase=Phase.SETUP, expect=10, action="sandbox.seed"),
        automated("base", "Take a base backup", phase=Phase.SETUP, expect=10, action="backup.base"),
        automated("fault", "Drop the images", phase=Phase.FAULT, expect=None, action="mongo.drop_collection"),
        automated("detect", "Wait until a symptom shows", phase=Phase.DETECT, expect=60, action="wait.for"),
        automated("has-base", "There is a base", phase=Phase.PRECHECK, expect=5, action="backup.has_base"),
        human("declare", "The incident is declared and one person is the commander."),
        automated("slice", "Save the live oplog up to now", expect=30, action="backup.emergency_slice"),
        automated("restore", "Restore beside it", expect=1800, action="mongo.restore", verify=True, rollback=True),
        human("approve-switch", "Point the application at the restored database?", kind="approve"),
        automated("healthy", "The application serves images again", expect=60, action="http.wait", recovered=True),
        automated("compare", "Every write before the drop is back", phase=Phase.PASS, action="sandbox.compare_ledger"),
        automated("references", "Every image has its object", phase=Phase.PASS, action="verify.references"),
        automated("tidy", "Drop scratch databases", phase=Phase.CLEANUP, action="mongo.drop_scratch"),
    ),
    answers={"approve-switch": "approve"},
)


def _until_restored(journal: Journal) -> Journal:
    journal.add(
        SecretsRead({"records.s3.secret_access_key": "file records.key"}, {"notify.on_failure.0": "variable HOOK"})
    )
    journal.add(TargetIdentified("mongo", "uuid:0b7c", "local.oplog.rs"))
    journal.after(0.02).does("seed", 5.2, {"documents": 51000}).after(0.01).does("base", 1.4)
    struck = journal.after(3.5).now
    journal.start("fault").add(TargetLost("mongo", "pixelcraft.images")).after(0.3).ends("fault")
    journal.add(ClockStarted(struck, "fault")).after(0.01).does("detect", 1.2)
    journal.does("has-base", 0.1).waits("declare").add(StepSkipped("declare", 1, "unattended: skip"))
    journal.does("slice", 0.8)
    journal.start("restore", {"at": {"before": {"drop": "images"}}, "into": "pixelcraft_recovered"})
    journal.add(TargetCreated("mongo", "pixelcraft_recovered"))
    return journal.after(6.4).ends("restore", {"documents": 50000, "digest": "5e99a16e0c1f4b7d8a2e6f3b9c0d1e2f"})


def passed_drill() -> Journal:
    """A drill that recovers in time."""
    journal = _until_restored(Journal(DRILL))
    struck = journal.events[7].at
    journal.start("restore", {"database": "pixelcraft_recovered", "digest": True}, part=Part.VERIFY).after(1.1)
    journal.ends(
        "restore", {"digest": "5e99a16e0c1f4b7d8a2e6f3b9c0d1e2f"}, part=Part.VERIFY, proven_until=struck - seconds(1.25)
    )
    journal.waits("approve-switch").ends("approve-switch", attempt=0)
    journal.does("healthy", 2.9)
    journal.does("compare", 1.3, {"summary": "50,000 of 50,000 images, digest equal"})
    journal.does("references", 0.7, {"orphans": 0})
    return journal.does("tidy", 0.2).after(0.01).add(RunFinished(Outcome.SUCCEEDED))


def failed_drill() -> Journal:
    """A drill whose restore never passes its verification."""
    journal = _until_restored(Journal(DRILL))
    journal.start("restore", part=Part.VERIFY).after(0.9)
    journal.fails(
        "restore",
        "images: 1 of 50,000 documents differs: _id 66b1f0",
        "Restore from an older base: this one was altered in the store",
        "images   expected 50,000   digest 5f1c",
        "```",
        "<img src=x onerror=alert(1)> | **bold** \x1b[31mred\x1b[0m",
        part=Part.VERIFY,
        artifacts=("restore-1/differences.jsonl",),
    )
    journal.add(AbortRequested("restore: images: 1 of 50,000 documents differs: _id 66b1f0", "policy"))
    journal.start("restore", part=Part.ROLLBACK).after(0.4).ends("restore", part=Part.ROLLBACK)
    journal.does("tidy", 0.2)
    return journal.add(RunFinished(Outcome.FAILED, "restore: images: 1 of 50,000 documents differs: _id 66b1f0"))


def past(months: int, *, word: Word = Word.PASSED, rta: float | None = 20, rpa: float | None = 2) -> Past:
    """A drill of db-drop some months before the others."""
    at = START - timedelta(days=30 * months)
    measured = (None if value is None else seconds(value) for value in (rta, rpa))
    return Past(f"{at:%Y-%m-%d}T0800Z-db-drop-{months:04x}", "db-drop", "sandbox", at, word, *measured)


HISTORY = History(
    drills=(
        past(5, rta=9000, rpa=1800),
        past(4, word=Word.FAILED, rta=None, rpa=None),
        past(3, rta=700, rpa=90),
        past(2, rta=41, rpa=0),
        past(1, rta=14, rpa=None),
    ),
    hash="7b" * 32,
    verified=Verified(
        drill="db-drop", run="2026-10-22T0800Z-db-drop-0001", environment="sandbox", at=START - timedelta(days=30),
        valid_until=START + timedelta(days=60), hash="7b" * 32, rta_seconds=14.0, rpa_seconds=None, journal="5e" * 32,
    ),
    valid_for=timedelta(days=90),
)  # fmt: skip
"""What a project with half a year of drills knows."""


INCIDENT: Plan = incident_plan(
    automated("reachable", "The server answers", phase=Phase.PRECHECK, expect=5, action="mongo.ping"),
    human("declare", "The incident is declared in #ops-alerts."),
    automated("dns", "Lower the time to live", expect=10, action="shell.run"),
    group(
        "save",
        "Save what there is",
        oplog=(automated("save/oplog", "Save the live oplog", expect=30, timeout=60),),
        logs=(automated("save/logs", "Copy the logs", expect=20),),
    ),
    automated("find", "Find what did it", expect=10, action="backup.find_event"),
    automated("restore", "Restore beside it", expect=600, action="mongo.restore", rollback=True),
    human("approve-switch", "Switch over?", kind="approve"),
    automated("switch", "Set DATABASE_URL", expect=60, action="host.set_variable", rollback=True),
    automated("healthy", "Images are served", expect=60, action="http.wait", recovered=True),
    automated("tidy", "Remove scratch files", phase=Phase.CLEANUP),
)


AWKWARD = "W" * 400 + " <b>|`*_ \u202e\u05e9\u05dc\u05d5\u05dd \x1b[31m ]]> {{ x }} %% ; : #" + "m" * 400


def incident() -> Journal:
    """A recovered incident in which nearly everything happened that can."""
    journal = Journal(INCIDENT, environment="production", unattended=False)
    journal.does("reachable", 0.4)
    began = journal.now - seconds(870)
    journal.after(25).add(InputGiven("incident_time", began.isoformat()), ClockStarted(began, "input"))
    journal.waits("declare").after(190).answers("declare", Choice.DONE)
    journal.start("dns").after(2).fails("dns", "no such zone: pixelcraft.example")
    journal.after(30).answers("dns", Choice.SKIP, question=QuestionKind.FAILURE, reason="not needed, same address")
    journal.start("save").start("save/oplog").start("save/logs").after(21).ends("save/logs").after(39)
    journal.add(StepTimedOut("save/oplog", 1, 1, Part.WORK, lines=("read 1,204 entries",)))
    journal.add(RetryScheduled("save/oplog", 1, journal.now + seconds(10))).after(10)
    journal.start("save/oplog", attempt=2).after(12).ends("save/oplog", attempt=2).ends("save")
    journal.add(NoteAdded("Marketing asks when it is back; said *11:00*"), by=BEN)
    journal.does("find", 3).start("restore").after(120)
    journal.add(PauseRequested("handing over to ben")).after(2)
    journal.add(StepCancelled("restore", 1, 1, Part.WORK), RunPaused()).after(600)
    journal.author = BEN
    journal.add(RunResumed(600, unattended=False), ClockDiverged(1.8)).after(15)
    journal.answers("restore", Choice.RETRY, question=QuestionKind.INTERRUPTED)
    journal.start("restore", attempt=2).after(900).ends("restore", attempt=2, proven_until=began - seconds(3))
    journal.waits("approve-switch").after(60).answers("approve-switch", Choice.APPROVE, reason="looks right")
    journal.ends("approve-switch", attempt=0).start("switch").after(5)
    journal.fails("switch", "permission denied: /srv/app/variables.json").after(20)
    journal.answers("switch", Choice.DONE, question=QuestionKind.FAILURE, reason="set it with sudo")
    journal.start("healthy").after(60).fails("healthy", "503: images cannot be read", "Look at the application's log")
    journal.after(40)
    journal.answers("healthy", Choice.GOTO, question=QuestionKind.FAILURE, value="find", reason="wrong operation")
    journal.start("find", visit=2).after(4).ends("find", visit=2)
    journal.start("restore", visit=2).after(300).ends("restore", visit=2, proven_until=began - seconds(2))
    journal.waits("approve-switch", visit=2).after(30)
    journal.answers("approve-switch", Choice.APPROVE, visit=2).ends("approve-switch", visit=2, attempt=0)
    journal.start("switch", visit=2).after(2).ends("switch", visit=2)
    journal.start("healthy", visit=2).after(8).ends("healthy", visit=2)
    journal.start("tidy").after(1).fails("tidy", "disk is read-only").add(RunFinished(Outcome.SUCCEEDED))
    journal.after(300).add(NoteAdded("Told marketing."), ReviewAnswered("What went wrong?", "The first | guess."))
    journal.add(ActionItemAdded("Show | every drop, not the first", "anna", date(2026, 12, 5), "What went wrong?"))
    journal.add(ActionItemAdded("Remount /tmp", "ben", date(2026, 11, 22)), ReportWritten({}))
    journal.after(3600).add(ActionItemClosed(2, "done, it was full"), by=ANNA)
    return journal


def hostile_incident() -> Journal:
    """An incident in which everything that somebody wrote, or a program printed, is as awkward as can be."""
    journal = Journal(INCIDENT, environment="production", unattended=False)
    journal.does("reachable", 0.4).start("dns").after(2).fails("dns", AWKWARD, AWKWARD)
    journal.after(30).answers("dns", Choice.SKIP, question=QuestionKind.FAILURE, reason=AWKWARD)
    journal.add(NoteAdded(AWKWARD)).waits("approve-switch").after(60)
    journal.answers("approve-switch", Choice.APPROVE, reason=AWKWARD).ends("approve-switch", attempt=0)
    journal.add(AbortRequested(AWKWARD, "person"), RunFinished(Outcome.ABORTED, AWKWARD)).after(300)
    journal.add(ReviewAnswered(AWKWARD, AWKWARD), ActionItemAdded(AWKWARD, AWKWARD, date(2026, 12, 5), AWKWARD))
    return journal


def aborted_incident() -> Journal:
    """An incident that is given up, with a rollback that fails."""
    journal = Journal(INCIDENT, environment="production", unattended=False)
    journal.does("reachable", 0.4).waits("declare").after(60).answers("declare", Choice.DONE).start("dns")
    journal.after(3).fails("dns", "no such zone").add(StepIgnored("dns", 1)).start("save").start("save/oplog").start(
        "save/logs"
    ).after(5)
    journal.ends("save/oplog").ends("save/logs").ends("save").does("find", 3).does("restore", 400)
    journal.waits("approve-switch").after(10).answers("approve-switch", Choice.APPROVE, by=BEN)
    journal.ends("approve-switch", attempt=0).start("switch").after(1)
    journal.add(AbortRequested("the old database is back", "person")).after(0.5)
    journal.add(StepCancelled("switch", 1, 1, Part.WORK, abandoned=True))
    journal.start("switch", part=Part.ROLLBACK).after(1).ends("switch", part=Part.ROLLBACK)
    journal.start("restore", part=Part.ROLLBACK).after(2)
    journal.fails("restore", "not authorized to drop pixelcraft_recovered", "Drop it by hand", part=Part.ROLLBACK)
    return journal.does("tidy", 1).add(RunFinished(Outcome.ABORTED, "the old database is back"))
