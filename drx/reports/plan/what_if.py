"""Say what another RPO or RTO would take, out of plan, schedules and what drills have measured. Pure.

The business decides, with numbers; the ways and their costs are those of docs/objectives.md.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from drx.reports import safe
from drx.reports.plan.shapes import PlanRunbook, PlanStep, RecoveryPlan
from drx.reports.text import show_measured
from drx.units import show_duration

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_EVERY = (30, 20, 15, 12, 10, 6, 5, 4, 3, 2, 1)
"""Minutes that divide an hour: what `*/N` means evenly."""
_SHOWN = 3

_RPO_WAYS = (
    (
        _MINUTE - timedelta.resolution,
        "synchronous replication: a write counts once it is elsewhere too",
        "twice the infrastructure: a second set of servers",
    ),
    (
        30 * _MINUTE,
        "slices every few minutes, or a provider's continuous backup",
        "moderate to high: many small uploads; a job that must not be missed",
    ),
    (_DAY - _HOUR, "slices every half hour, a base every night", "moderate: small uploads all day, and a copy of each"),
    (timedelta.max, "a base every night", "low"),
)
_RTO_WAYS = (
    (_MINUTE, "hot standby: fails over by itself", "twice the infrastructure: a second set of servers, always in use"),
    (
        _HOUR,
        "warm standby, or a restore that is drilled and mostly automatic",
        "moderate: a standby that waits, or drills that are held",
    ),
    (timedelta.max, "cold restore: provision, download, restore", "low, until the day it is needed"),
)
"""Up to which objective a way is needed, what it is, and what it costs."""


@dataclass(frozen=True)
class Cadence:
    """A scheduled runbook that makes newer moments restorable: how often, and how long it may take."""

    runbook: str
    cron: str
    pause: timedelta
    """The longest time between two of its runs."""
    limit: timedelta
    """When its step is given up; how long it should take where it has no limit."""

    @property
    def worst(self) -> timedelta:
        """What is lost where everything is, right before a run that takes longest ends."""
        return self.pause + self.limit


def what_if_rpo(plan: RecoveryPlan, wanted: timedelta, cadences: Mapping[str, Cadence]) -> str:
    """Write what another RPO would take. `cadences` by what is made: `slices`, `bases`, `copies`, `uploads`."""
    stated = plan.settings.objectives.rpo
    losses = list(_losses(plan, cadences))
    rows = [(what, _shown(worst), why, _fits(worst, wanted)) for what, worst, why in losses]
    table = safe.table(("if this is lost", "at most lost", "because", f"within {show_duration(wanted)}"), rows)
    changes = list(_rpo_changes(wanted, cadences, plan.environment))
    return _page("RPO", wanted, stated, table, changes or ["Nothing."], _ways(_RPO_WAYS, wanted))


def _losses(plan: RecoveryPlan, cadences: Mapping[str, Cadence]) -> Iterator[tuple[str, timedelta | None, str]]:
    for each in plan.scenarios:
        if each.verified and each.verified.rpa_seconds is not None:
            measured = timedelta(seconds=each.verified.rpa_seconds)
            stale = "" if each.verified.hash == each.hash else "; the runbook has changed since"
            when = f"by drill {each.verified.drill} on {each.verified.at:%Y-%m-%d}"
            yield each.title, measured, f"measured in {each.verified.environment} {when}{stale}"
    newest = cadences.get("slices") or cadences.get("bases")
    yield "the database server", newest.worst if newest else None, _because(newest)
    copied = cadences.get("copies")
    yield "the server and the primary store", copied.worst if copied else None, _because(copied)
    if "uploads" in cadences:
        yield "the uploads bucket", cadences["uploads"].worst, _because(cadences["uploads"])


def _because(cadence: Cadence | None) -> str:
    if cadence is None:
        return "nothing is scheduled"
    return f"{cadence.runbook} runs every {show_duration(cadence.pause)}, and may take {show_duration(cadence.limit)}"


def _rpo_changes(wanted: timedelta, cadences: Mapping[str, Cadence], environment: str) -> Iterator[str]:
    if wanted < 2 * _MINUTE:
        yield (
            "No schedule is that fast: cron knows minutes, and a slice takes time."
            " Replicate, or have the provider back up continuously, as marked below."
        )
        return
    pause = _even(wanted / 2)
    slices, bases, copies = (cadences.get(made) for made in ("slices", "bases", "copies"))
    if slices is None and (bases is None or bases.worst > wanted):
        line = safe.code(_line("hourly-incremental", environment, pause))
        yield f"Archive the oplog by schedule. In drx.yaml: {line}"
    if copies is None:
        yield "Copy what is archived, by schedule: until then a lost store loses everything."
    late = {each.runbook: each for each in (slices, copies) if each is not None and each.worst > wanted}
    for each in late.values():  # of a runbook that archives and copies, the copy: it ends later
        if each.pause > pause:
            yield f"Run {each.runbook} more often. In drx.yaml: {safe.code(_line(each.runbook, environment, pause))}"
            yield f"That is {round(_DAY / pause)} runs a day instead of {round(_DAY / each.pause)}."
        allowed = wanted - min(pause, each.pause)
        if each.limit > allowed:
            yield (
                f"Give up sooner: the timeouts in runbooks/{each.runbook}.yaml add up to {show_duration(each.limit)},"
                f" and only {show_duration(allowed)} would be in time."
            )
    uploads = cadences.get("uploads")
    if uploads is not None and uploads.worst > wanted:
        yield (
            f"The uploads are {show_duration(uploads.worst)} behind at worst: run {uploads.runbook} more often,"
            " give it up sooner, or have the provider replicate the bucket."
        )


def _line(runbook: str, environment: str, pause: timedelta) -> str:
    minutes = round(_even(pause) / _MINUTE)
    cron = "0 * * * *" if minutes == 60 else f"*/{minutes} * * * *"
    return f'- {{run: {runbook}, environment: {environment}, cron: "{cron}"}}'


def _even(pause: timedelta) -> timedelta:
    """Give the longest even pause that is not longer than this one."""
    if pause >= _HOUR:
        return _HOUR
    return next((minutes * _MINUTE for minutes in _EVERY if minutes * _MINUTE <= pause), _MINUTE)


def what_if_rto(plan: RecoveryPlan, wanted: timedelta) -> str:
    """Write what another RTO would take."""
    rows = [
        (each.title, show_duration(each.expected), _measured(each), _fits(each.expected, wanted))
        for each in plan.scenarios
    ]
    table = safe.table(("scenario", "planned", "RTA, measured", f"within {show_duration(wanted)}"), rows)
    changes = [change for each in plan.scenarios for change in _rto_changes(each, wanted)]
    stated = plan.settings.objectives.rto
    return _page("RTO", wanted, stated, table, changes or ["Nothing."], _ways(_RTO_WAYS, wanted))


def _measured(runbook: PlanRunbook) -> str:
    found = runbook.verified
    if found is None:
        return "never drilled"
    stale = "" if found.hash == runbook.hash else ", changed since"
    return f"{show_measured(timedelta(seconds=found.rta_seconds))} in {found.environment}{stale}"


def _rto_changes(runbook: PlanRunbook, wanted: timedelta) -> Iterator[str]:
    name = safe.code(runbook.id)
    proof = runbook.verified
    if proof is None or proof.hash != runbook.hash:
        yield f"{name}: drill it. Until then its {show_duration(runbook.expected)} are a guess."
    elif timedelta(seconds=proof.rta_seconds) > wanted:
        yield f"{name}: the drill itself took longer than {show_duration(wanted)}: a restore will not do."
    if runbook.expected <= wanted:
        return
    path = [step for name, step in _named(runbook.prechecks + runbook.steps) if name in runbook.path]
    people = _time([step for step in path if step.who != "automatic"])
    longest = sorted((step for step in path if step.expect), key=lambda step: step.expect or timedelta(0), reverse=True)
    named = ", ".join(f"{safe.code(step.id)} {show_duration(step.expect or timedelta(0))}" for step in longest[:_SHOWN])
    over = show_duration(runbook.expected - wanted)
    yield f"{name}: {over} too long. Its longest steps: {named}; people have {show_duration(people)} of it."
    if runbook.expected - people > wanted:
        yield f"{name}: even without people it takes longer: what it restores has to stand ready (warm standby)."
    else:
        yield f"{name}: let fewer things wait for people: decide beforehand, and write down what needs no agreement."


def _named(steps: Sequence[PlanStep], outer: str = "") -> Iterator[tuple[str, PlanStep]]:
    """Give every step with its whole id."""
    for step in steps:
        yield f"{outer}{step.id}", step
        inner = f"{outer}{step.id}/" if step.who == "another runbook" else outer
        for branch in (step.groups or {}).values():
            yield from _named(branch, inner)


def _time(steps: Iterable[PlanStep]) -> timedelta:
    return sum((step.expect or timedelta(0) for step in steps), timedelta(0))


def _fits(worst: timedelta | None, wanted: timedelta) -> str:
    return "yes" if worst is not None and worst <= wanted else "NO"


def _shown(worst: timedelta | None) -> str:
    return show_duration(worst) if worst is not None else "everything"


def _ways(ways: Sequence[tuple[timedelta, str, str]], wanted: timedelta) -> safe.Markdown:
    """Show the ways, and which of them the wanted objective needs."""
    needed = next(way for way in ways if wanted <= way[0])
    rows = [(way, cost, "this one" if limit == needed[0] else "") for limit, way, cost in ways]
    return safe.table(("way", "what it costs", ""), rows)


def _page(name: str, wanted: timedelta, stated: timedelta, table: str, changes: Sequence[str], ways: str) -> str:
    parts = [
        f"# What if the {name} were {show_duration(wanted)}?",
        f"It is {show_duration(stated)} now.",
        table,
        "What would have to change:",
        "\n".join(f"- {change}" for change in changes),
        "Ways, and what they cost:",
        ways,
    ]
    return "\n\n".join(parts) + "\n"
