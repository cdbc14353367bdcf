"""Say what a run will do, where, and how long it should take, before anything happens. It asks no server."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drx.backup.server.connection import hosts_of
from drx.config import Target
from drx.engine.events import Event, InputGiven
from drx.engine.plan import Group, Human, Phase, Plan, PlannedStep
from drx.engine.terms import Mode
from drx.engine.ways import defaults_of, steps_by_defaults
from drx.guard import Guard, Kind, kinds_of
from drx.reports.facts import gather
from drx.reports.forecast import Earlier, forecast
from drx.reports.shapes import RunFacts
from drx.reports.text import join, plural, show_target, title_of
from drx.runbook.load import Binder
from drx.runbook.ways import inputs_of, is_taken
from drx.runner.recorded import step_times
from drx.secrets import Masker
from drx.ui.lines import Line
from drx.ui.port import Ui

_LONG = timedelta(minutes=10)
_HEAD = "{:<9} "


def introduce(
    ui: Ui, plan: Plan, binder: Binder, events: Sequence[Event], target: Target, guard: Guard, records: Path,
    masker: Masker,
) -> None:  # fmt: skip
    """Show a person who begins an incident or a tabletop what is about to happen."""
    if not ui.attended or plan.mode not in (Mode.INCIDENT, Mode.TABLETOP):
        return
    earlier = step_times(records, plan.runbook)
    summary = binder.runbook(plan.runbook).summary
    facts = gather(plan, events)
    lines = overview(_as_given(plan, events), summary, facts, target, guard, earlier, datetime.now(UTC))
    ui.introduce([replace(line, text=masker.mask(line.text)) for line in lines])


def _as_given(plan: Plan, events: Sequence[Event]) -> Plan:
    """What was given stands for the defaults."""
    given = {event.fact.name: event.fact.value for event in events if isinstance(event.fact, InputGiven)}
    return replace(
        plan, inputs=tuple(replace(each, default=given.get(each.name, each.default)) for each in plan.inputs)
    )


def overview(
    plan: Plan, summary: str, facts: RunFacts, target: Target, guard: Guard, earlier: Earlier, now: datetime
) -> Iterator[Line]:
    """Give the lines: what is recovered, each step with its time, where, how long, and how to stop.

    Steps that the inputs rule out, as they were given or by default, are left out, and said to be.
    """
    given = defaults_of(plan)
    every = [step for step in plan.main if step.phase in (Phase.PRECHECK, Phase.STEP) and not _is_surprise(step)]
    steps = [step for step in every if is_taken(step.when, given)]
    yield Line("", plan.title)
    for paragraph in summary.strip().split("\n\n"):
        yield Line("", " ".join(paragraph.split()), "  ")
    sure = steps_by_defaults(plan)
    for number, step in enumerate(steps, start=1):
        figures = _figures(step, sure=step.when is None or step.id in sure)
        yield Line("", title_of(step), f"  {number:>2} {step.id:<16} ", f"   ({figures})", is_title=True)
    if ruled_out := [step.when for step in every if step.when and step not in steps]:
        names = sorted(set().union(*map(inputs_of, ruled_out)))
        because = " and ".join(f"{name} is {given[name]}" for name in names)
        yield from _headed("left out", [f"{plural(len(ruled_out), 'step')}, since {because}"])
    yield from _headed("where", _where(target, guard) if plan.mode is not Mode.TABLETOP else ["nothing is touched"])
    yield from _headed("how long", [_how_long(plan, facts, earlier, now)])
    yield from _headed("to stop", ["Ctrl-C asks what to do; `drx resume` goes on from wherever it was left"])


def _is_surprise(step: PlannedStep) -> bool:
    return "/" in step.id


def _headed(name: str, texts: list[str]) -> Iterator[Line]:
    for index, text in enumerate(texts):
        yield Line("", text, _HEAD.format("" if index else name))


def _figures(step: PlannedStep, *, sure: bool) -> str:
    match step.work:
        case Human(kind="approve"):
            who = "somebody approves"
        case Human():
            who = "you"
        case Group(branches=branches):
            who = plural(sum(map(len, branches.values())), "step")
        case _:
            who = ""
    time = show_target(step.expect) if step.expect is not None else ""
    return join((who, time, "" if sure else "if needed", "then recovered" if step.recovered else ""))


def _where(target: Target, guard: Guard) -> list[str]:
    named = {kind: text for kind, text in _names(target).items() if text}
    if target.sandbox:
        return [f"servers to practise on: {join(named.values())}" if named else "servers to practise on"]
    known = kinds_of(target)
    return [f"{text}{_trust(kind, target, guard) if kind in known else ''}" for kind, text in named.items()] or [
        "this machine"
    ]


def _names(target: Target) -> Mapping[Kind, str]:
    mongo, uploads, dns, atlas = target.mongo, target.uploads, target.dns, target.atlas
    return {
        "mongo": f"database {mongo.database} at {hosts_of(mongo.uri.reveal())}" if mongo else "",
        "uploads": f"bucket {uploads.bucket}" if uploads else "",
        "atlas": f"cluster {atlas.cluster} at Atlas" if atlas else "",
        "host": f"application at {target.health_url or target.app_url}" if target.health_url or target.app_url else "",
        "dns": f"names in {dns.zone}" if dns else "",
    }


def _trust(kind: Kind, target: Target, guard: Guard) -> str:
    """Whether the server is known; who it really is, it is asked before the first write."""
    return " (trusted)" if guard.knows(kind) else f" (not trusted yet: `drx trust {target.name}`)"


def _how_long(plan: Plan, facts: RunFacts, earlier: Earlier, now: datetime) -> str:
    found = forecast(plan, facts, now, earlier)
    late = f", at most {show_target(_whole(found.late))} in nine of ten" if found.late > found.likely else ""
    waiting = f", {show_target(_whole(found.people))} of it for people" if found.people else ""
    target = facts.rto.target
    rto = f"; the RTO is {show_target(target)}" if target is not None else ""
    return f"about {show_target(_whole(found.likely))}{waiting} ({found.basis}){late}{rto}"


def _whole(time: timedelta) -> timedelta:
    """Round as far as a forecast deserves: to minutes where there are many."""
    unit = 60 if time >= _LONG else 1
    return timedelta(seconds=round(time.total_seconds() / unit) * unit)
