"""Whatever was on disk when a process died, the run ends the same: resume from every prefix of real journals."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from drx.engine.events import Event, RunFinished, RunResumed, StepStarted
from drx.engine.state import State, replay
from drx.engine.terms import Outcome, Part
from drx.errors import ExitCode, JournalError, LockedError
from drx.journal import JOURNAL, Journal, read_journal
from tests.runner.project import OPERATOR, Project, steps_yaml

TALLY = "action: test.tally, with: {{file: '{file}', line: {line}}}, expect: 1s"
ONCE = "action: test.once, with: {{file: '{file}', line: {line}}}, expect: 1s"
SEEN = "verify: {{action: test.seen, with: {{file: '{file}', line: {line}}}}}"
UNDO = "rollback: {{action: test.tally, with: {{file: '{file}', line: undo-{line}}}}}"


def _step(text: str, file: Path, line: str, *more: str) -> str:
    parts = ", ".join((text, *more)).format(file=file, line=line)
    return f"{{id: {line}, {parts}}}"


def _straight(file: Path) -> str:
    return (
        steps_yaml(
            _step(TALLY, file, "a"),
            _step(ONCE, file, "b", SEEN),
            f"{{id: both, parallel: {{l: [{_step(TALLY, file, 'c')}], r: [{_step(TALLY, file, 'd')}]}}}}",
            "{id: left-out, action: test.bug, when: 'false', expect: 1s}",
            _step(TALLY, file, "f", "retry: {{attempts: 2, wait: 1ms}}"),
        )
        + f"cleanup:\n  - {_step(TALLY, file, 'tidy')}\n"
    )


def _broken(file: Path) -> str:
    return (
        steps_yaml(
            _step(TALLY, file, "a", UNDO),
            _step(ONCE, file, "b", SEEN, UNDO),
            "{id: bad, action: test.seen, with: {file: /nowhere}, expect: 1s, on_failure: abort}",
            _step(TALLY, file, "never"),
        )
        + f"cleanup:\n  - {_step(TALLY, file, 'tidy')}\n"
    )


def _detour(file: Path) -> str:
    return steps_yaml(
        "{id: bad, action: test.bug, expect: 1s, on_failure: {goto: far}}",
        _step(TALLY, file, "never"),
        _step(TALLY, file, "far"),
        "{id: meh, action: test.odd, expect: 1s, on_failure: continue}",
    )


STORIES = {
    "straight": (_straight, ExitCode.OK),
    "broken": (_broken, ExitCode.FAILED),
    "detour": (_detour, ExitCode.OK),
}


def _end(state: State) -> dict[str, object]:
    """What has to be the same at the end, however often the process died."""
    steps = {step: visits[-1].status.value for step, visits in state.visits.items()}
    return {"outcome": state.outcome, "steps": steps}


def _effects(file: Path) -> Counter[str]:
    return Counter(file.read_text().splitlines()) if file.exists() else Counter()


def _before(events: list[Event], file: Path) -> None:
    """Put the effects on disk that had happened when these were the last events: every attempt that had started."""
    names = [
        ("undo-" if event.fact.part is Part.ROLLBACK else "") + event.fact.step
        for event in events
        if isinstance(event.fact, StepStarted) and event.fact.part is not Part.VERIFY
    ]
    file.write_text("".join(f"{name}\n" for name in names if name not in ("both", "bad", "meh")))


@pytest.mark.parametrize("name", STORIES)
def test_every_prefix_comes_to_the_same_end(project: Project, name: str) -> None:
    story, code = STORIES[name]
    file = project.root / "tally"
    assert project.write(story(file)).run() is code
    lines = (project.record / JOURNAL).read_bytes().splitlines(keepends=True)
    end = _end(replay(project.plan(), project.events))
    whole = shutil.copytree(project.record, project.root / "whole")
    for length in range(1, len(lines)):
        shutil.rmtree(project.record)
        record = shutil.copytree(whole, project.records / whole.name)
        torn = lines[length][: len(lines[length]) // 2]
        (record / JOURNAL).write_bytes(b"".join(lines[:length]) + torn)
        before = read_journal(record / JOURNAL)
        _before(before, file)
        assert project.resume() is code, f"after {length} lines"
        events = read_journal(record / JOURNAL)
        assert events[:length] == before
        assert _end(replay(project.plan(), events)) == end, f"after {length} lines"
        assert sum(isinstance(event.fact, RunFinished) for event in events) == 1
        assert _effects(file)["b"] <= 1, "what may not run twice ran twice"
        assert not _effects(file)["never"]


def test_a_finished_run_is_not_run_again(project: Project) -> None:
    file = project.root / "tally"
    project.write(_straight(file)).run()
    before = (project.record / JOURNAL).read_bytes()
    assert project.resume() is ExitCode.OK
    assert (project.record / JOURNAL).read_bytes() == before


@pytest.mark.parametrize("undone", [False, True], ids=["stays", "rolled-back"])
def test_an_interrupted_step_that_must_not_run_twice_is_a_failure_without_a_person(
    project: Project, undone: bool
) -> None:
    """Rolling it back does not change why the run failed; and a run that has ended cannot be resumed."""
    file = project.root / "tally"
    undo = f", rollback: {{action: test.tally, with: {{file: '{file}', line: undo}}}}}}" if undone else "}"
    project.write(steps_yaml(_step(ONCE, file, "b").removesuffix("}") + undo)).run()
    journal = project.record / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    started = next(index for index, line in enumerate(lines) if b'"type":"StepStarted"' in line)
    journal.write_bytes(b"".join(lines[: started + 1]))
    assert project.resume() is ExitCode.HUMAN_NEEDED
    assert (_effects(file)["b"], _effects(file)["undo"]) == (1, int(undone))
    assert "then start it anew at a terminal" in " ".join(project.shown.split())


def test_a_gap_is_measured(project: Project) -> None:
    project.write(steps_yaml(_step(TALLY, project.root / "tally", "a"))).run()
    journal = project.record / JOURNAL
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:2]))
    project.resume()
    resumed = next(event for event in project.events if isinstance(event.fact, RunResumed))
    assert isinstance(resumed.fact, RunResumed)
    assert resumed.fact.gap_seconds == pytest.approx((resumed.at - project.events[1].at).total_seconds(), abs=0.05)


def test_changed_or_missing_frozen_files_are_refused(project: Project) -> None:
    project.write(steps_yaml(_step(TALLY, project.root / "tally", "a"))).run()
    frozen = project.record / "frozen" / "runbooks" / "story.yaml"
    frozen.chmod(0o600)
    frozen.write_text(frozen.read_text() + "# harmless?\n")
    with pytest.raises(JournalError, match="changed after the run began"):
        project.resume()
    frozen.unlink()
    with pytest.raises(JournalError, match="cannot be read"):
        project.resume()


def test_the_frozen_runbook_counts_not_the_edited_one(project: Project) -> None:
    file = project.root / "tally"
    project.write(_straight(file)).run()
    journal = project.record / JOURNAL
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:2]))
    project.write("runbook: story\ntitle: Emptied\nsteps: []\n")
    file.unlink()
    assert project.resume() is ExitCode.OK
    assert _effects(file)["f"] == 1


def test_a_run_that_never_got_to_its_first_event_says_so(project: Project) -> None:
    project.write(steps_yaml(_step(TALLY, project.root / "tally", "a"))).run()
    (project.record / JOURNAL).write_bytes(b"")
    with pytest.raises(JournalError, match="before its first event"):
        project.resume()


def test_a_run_that_somebody_holds_is_left_alone(project: Project) -> None:
    project.write(steps_yaml(_step(TALLY, project.root / "tally", "a"))).run()
    with Journal.open(project.record / JOURNAL, OPERATOR), pytest.raises(LockedError, match="in use by ada on bastion"):
        project.resume()


def test_the_outcome_is_recorded_once(project: Project) -> None:
    project.write(_detour(project.root / "tally")).run()
    finished = [event.fact for event in project.events if isinstance(event.fact, RunFinished)]
    assert [fact.outcome for fact in finished] == [Outcome.SUCCEEDED]
