"""Single things that happened: failures, notes, approvals, reviews, and who and what took part. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from drx.engine.events import (
    AbortRequested,
    ActionItemAdded,
    ActionItemClosed,
    Answered,
    Event,
    NoteAdded,
    ReviewAnswered,
    RunStarted,
    SecretsRead,
    StepFailed,
    StepSucceeded,
    StepTimedOut,
    StepWaiting,
    TargetCreated,
    TargetIdentified,
    TargetLost,
)
from drx.engine.plan import Human, Phase, Plan
from drx.engine.terms import Choice, FailureKind, Part, QuestionKind
from drx.engine.visit import BROKEN
from drx.reports.shapes import ActionItem, Approval, Digest, Evidence, Failure, Note, Review, StepTiming, Target
from drx.reports.text import title_of
from drx.units import show_duration


def failures(plan: Plan, events: Sequence[Event], steps: Sequence[StepTiming]) -> tuple[Failure, ...]:
    """Every attempt that failed, and every word of a person that something did; groups say nothing of their own.

    Attempts of one visit that fail in the same way, one after the other, are one failure.
    """
    found: list[Failure] = []
    newest: dict[tuple[str, int, Part], int] = {}
    for event in events:
        if failure := _failure(plan, event):
            place = newest.get(key := (failure.step, failure.visit, failure.part))
            if place is not None and _same(found[place], failure):
                first = found[place]
                artifacts = (*first.artifacts, *failure.artifacts)
                found[place] = replace(first, again=(*first.again, failure.attempt), artifacts=artifacts)
            else:
                newest[key] = len(found)
                found.append(failure)
    standing = _standing(events, steps)
    last = set(newest.values())
    return tuple(
        replace(failure, standing=failure.standing and index in last and _row(failure) in standing)
        for index, failure in enumerate(found)
    )


def _same(one: Failure, other: Failure) -> bool:
    return (one.error, one.remedy) == (other.error, other.remedy) and 0 < one.attempt < other.attempt


def _row(failure: Failure) -> tuple[str, int, bool]:
    return failure.step, failure.visit, failure.part is Part.ROLLBACK


def _standing(events: Sequence[Event], steps: Sequence[StepTiming]) -> frozenset[tuple[str, int, bool]]:
    """The visits and rollbacks that stayed broken; after an abort by somebody, only what it could not undo."""
    given_up = any(isinstance(event.fact, AbortRequested) and event.fact.source != "policy" for event in events)
    return frozenset(
        (step.step, step.visit, step.rollback)
        for step in steps
        if step.status in BROKEN and (step.rollback or step.phase is Phase.CLEANUP or not given_up)
    )


def _failure(plan: Plan, event: Event) -> Failure | None:
    match event.fact:
        case StepFailed() as fact if fact.kind not in (FailureKind.BRANCH, FailureKind.REPEAT):
            return Failure(
                fact.step, title_of(plan.steps[fact.step]), fact.visit, fact.attempt, fact.part, event.at,
                fact.error, fact.remedy, fact.lines, fact.artifacts, standing=fact.kind is not FailureKind.NEEDS_NAME,
            )  # fmt: skip
        case StepTimedOut() as fact:
            allowed = plan.steps[fact.step].timeout
            error = "It took too long" + (f": {show_duration(allowed)} are allowed" if allowed else "")
            remedy = "It did not end when told to: find out whether it still goes on" if fact.abandoned else ""
            return Failure(
                fact.step, title_of(plan.steps[fact.step]), fact.visit, fact.attempt, fact.part, event.at,
                error, remedy, fact.lines,
            )  # fmt: skip
        case Answered(choice=Choice.WENT_WRONG | Choice.REJECT) as fact if fact.question is not QuestionKind.INPUT:
            who = "The drill's script" if fact.scripted else event.by.user
            said = "rejected it" if fact.choice is Choice.REJECT else "says that it went wrong"
            error = f"{who} {said}" + (f": {fact.reason}" if fact.reason else "")
            return Failure(fact.step, title_of(plan.steps[fact.step]), fact.visit, 0, Part.WORK, event.at, error)
        case _:
            return None


def notes(events: Sequence[Event]) -> tuple[Note, ...]:
    """What people wrote down, in the order of time."""
    found = [Note(event.at, event.by.user, event.fact.text) for event in events if isinstance(event.fact, NoteAdded)]
    return tuple(sorted(found, key=lambda note: note.at))


def reviews(events: Sequence[Event]) -> tuple[Review, ...]:
    """What people answered after the run; a later answer to the same question stands beside the earlier one."""
    return tuple(
        Review(event.fact.question, event.fact.answer, event.by.user, event.at)
        for event in events
        if isinstance(event.fact, ReviewAnswered)
    )


def action_items(events: Iterable[Event]) -> tuple[ActionItem, ...]:
    """What is to be done, in the order in which it was written down, and what has been closed."""
    found: list[ActionItem] = []
    for event in events:
        match event.fact:
            case ActionItemAdded() as fact:
                number, by = len(found) + 1, event.by.user
                found.append(ActionItem(number, fact.text, fact.owner, fact.due, by, event.at, fact.question))
            case ActionItemClosed() as fact if 0 < fact.item <= len(found):
                item = found[fact.item - 1]
                found[fact.item - 1] = replace(item, closed_at=event.at, closed_by=event.by.user, reason=fact.reason)
            case _:
                pass
    return tuple(found)


def approvals(plan: Plan, events: Sequence[Event]) -> tuple[Approval, ...]:
    """Who agreed to what, and who did not; in the words in which they were asked."""
    asked: dict[str, str] = {}
    found: list[Approval] = []
    for event in events:
        if isinstance(event.fact, StepWaiting):
            asked[event.fact.step] = " ".join(event.fact.prompt.split())
        found += _approvals(plan, event, asked)
    return tuple(found)


def _approvals(plan: Plan, event: Event, asked: Mapping[str, str]) -> Iterator[Approval]:
    """A person's answer is a fact of its own; a script's yes only shows as the step's success."""
    match event.fact:
        case Answered(choice=Choice.APPROVE | Choice.REJECT) as fact if fact.question is QuestionKind.STEP:
            approved, title = fact.choice is Choice.APPROVE, asked.get(fact.step) or title_of(plan.steps[fact.step])
            by = "drill script" if fact.scripted else event.by.user
            yield Approval(event.at, fact.step, title, by, approved, fact.reason, fact.scripted)
        case StepSucceeded() as fact if fact.step in plan.answers and _is_approval(plan, fact.step):
            title = asked.get(fact.step) or title_of(plan.steps[fact.step])
            yield Approval(event.at, fact.step, title, "drill script", approved=True, scripted=True)
        case _:
            return


def _is_approval(plan: Plan, step: str) -> bool:
    work = plan.steps[step].work
    return isinstance(work, Human) and work.kind == "approve"


def evidence(events: Sequence[Event], journal_head: str) -> Evidence:
    """What ties a report to its record."""
    start = cast(RunStarted, events[0].fact)
    frozen: Mapping[str, str] = dict(sorted(start.frozen.items()))
    read = [event.fact for event in events if isinstance(event.fact, SecretsRead)]
    used = {setting: source for fact in read for setting, source in fact.used.items()}
    hidden = {setting: source for fact in read for setting, source in fact.hidden.items() if setting not in used}
    targets = dict.fromkeys(target for event in events if (target := _target(event)))
    return Evidence(
        drx_version=start.drx_version,
        unattended=start.unattended,
        frozen=frozen,
        targets=tuple(targets),
        digests=_digests(events),
        people=tuple(dict.fromkeys(f"{event.by.user}@{event.by.host}" for event in events)),
        events=len(events),
        journal_head=journal_head,
        read=dict(sorted(used.items())),
        read_to_hide=dict(sorted(hidden.items())),
    )


def _digests(events: Sequence[Event]) -> tuple[Digest, ...]:
    newest: dict[tuple[str, Part], Digest] = {}
    for event in events:
        if isinstance(event.fact, StepSucceeded) and isinstance(value := event.fact.outputs.get("digest"), str):
            newest[event.fact.step, event.fact.part] = Digest(event.fact.step, event.fact.part, value)
    return tuple(newest.values())


def _target(event: Event) -> Target | None:
    match event.fact:
        case TargetIdentified() as fact:
            return Target("identified", fact.target, fact.identity, fact.how)
        case TargetCreated() as fact:
            return Target("created", fact.target, fact.resource)
        case TargetLost() as fact:
            return Target("lost", fact.target, fact.resource)
        case _:
            return None
