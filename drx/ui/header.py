"""What a person sees at a glance while a run goes on: where, the clocks, what is done now. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from drx.engine.plan import Plan
from drx.engine.terms import Mode
from drx.engine.visit import Status
from drx.reports.forecast import BUSY, Earlier, forecast
from drx.reports.shapes import RunFacts, Split, StepTiming
from drx.reports.text import one_line
from drx.units import show_clock, show_duration

_MOST_STEPS = 4


@dataclass(frozen=True)
class Progress:
    """How far a running step is, and since when it is known."""

    done: int
    total: int | None
    unit: str
    since: datetime
    first: int
    """How far it was then."""


def header(
    plan: Plan,
    facts: RunFacts,
    now: datetime,
    protected: Collection[str],
    progress: Mapping[str, Progress],
    earlier: Earlier,
) -> list[str]:
    """Give the lines: the run and where, the clocks, where the time went, and each step under way."""
    return [
        _where(facts, protected),
        "  ".join(_clocks(plan, facts, now, earlier)),
        *_spent(facts.until_recovered or facts.whole, facts, now),
        *(_step(step, now, progress.get(step.step)) for step in _under_way(facts)),
    ]


def _where(facts: RunFacts, protected: Collection[str]) -> str:
    environment = one_line(facts.environment)
    shown = f"*** {environment.upper()} (protected) ***" if facts.environment in protected else environment
    return f"{facts.mode.value.upper()} {one_line(facts.drill or facts.runbook)} in {shown}"


def _clocks(plan: Plan, facts: RunFacts, now: datetime, earlier: Earlier) -> list[str]:
    since = (facts.recovered_at or now) - facts.clock.moment
    if facts.recovered_at is not None:
        return [f"recovered after {show_clock(since)}"]
    shown = [f"elapsed {show_clock(since)}"]
    if facts.mode is not Mode.OPERATION and facts.rto.target is not None:
        left = facts.rto.target - since
        over = "OVER THE RTO by" if left < timedelta() else "left"
        shown = [f"RTO {show_duration(facts.rto.target)}", *shown, f"{over} {show_clock(abs(left))}"]
    found = forecast(plan, facts, now, earlier)
    late = f" - {now + found.late:%H:%M}" if found.late > found.likely else ""
    return [*shown, f"forecast {now + found.likely:%H:%M}{late} UTC ({found.basis})"]


def _spent(split: Split, facts: RunFacts, now: datetime) -> list[str]:
    """Where the time went; what has passed since the last event belongs to what is going on now."""
    since = max(now - split.end, timedelta()) if facts.recovered_at is None else timedelta()
    statuses = {step.status for step in facts.steps if not step.group}
    waiting = Status.WAITING in statuses or not statuses & {Status.RUNNING, Status.RETRYING}
    parts = {
        "detection": split.detection,
        "automation": split.automation + (timedelta() if waiting else since),
        "people": split.people + (since if waiting else timedelta()),
        "retries": split.retries,
        "verification": split.verification,
        "gaps": split.gaps,
    }
    shown = [f"{name} {_short(spent)}" for name, spent in parts.items() if spent >= timedelta(seconds=1)]
    return [" · ".join(shown)] if shown else []


def _short(spent: timedelta) -> str:
    return show_clock(spent).removeprefix("00:")


def _under_way(facts: RunFacts) -> list[StepTiming]:
    busy = [step for step in facts.steps if step.status in BUSY and not step.group]
    return busy[:_MOST_STEPS]


def _step(step: StepTiming, now: datetime, progress: Progress | None) -> str:
    took = show_duration(max(now - step.started, timedelta()))
    expected = f" (expected {show_duration(step.expected)})" if step.expected is not None else ""
    what = "waits for a person" if step.status is Status.WAITING else _how_far(progress, now)
    return f"> {one_line(step.step)}  {took}{expected}" + (f"  {what}" if what else "")


def _how_far(progress: Progress | None, now: datetime) -> str:
    """Tell how far, how fast, and how long it will take if it goes on like that."""
    if progress is None:
        return ""
    of = f" / {progress.total:,}" if progress.total is not None else ""
    shown = f"{progress.done:,}{of} {progress.unit}"
    seconds = (now - progress.since).total_seconds()
    rate = (progress.done - progress.first) / seconds if seconds > 1 else 0.0
    if rate < 1:
        return shown
    shown += f"  {rate:,.0f}/s"
    if progress.total is not None and progress.total > progress.done:
        shown += f"  {show_clock(timedelta(seconds=(progress.total - progress.done) / rate))} left"
    return shown
