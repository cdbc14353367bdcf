"""Write the plan as Markdown. Pure: the same plan, the same bytes; no value of today in it."""

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache

from jinja2 import Environment

from drx.config.model import Schedule, Settings, Store
from drx.reports import safe
from drx.reports.html import page
from drx.reports.plan.shapes import PlanRunbook, PlanStep, RecoveryPlan, Verified
from drx.reports.text import one_line, sentence, show_measured
from drx.units import show_duration

_ENDED = re.compile(r"steps\.(\w+)\.status (==|!=) ['\"]succeeded['\"]")


def plan_markdown(plan: RecoveryPlan) -> str:
    """Write the whole plan; it ends with one line end."""
    text = _environment().get_template("plan.md.j2").render(plan=plan, settings=plan.settings)
    return f"{text.rstrip()}\n"


def plan_html(plan: RecoveryPlan) -> str:
    """Write the whole plan as one HTML file that needs no other, for screens and for the binder."""
    return page(f"Disaster recovery plan: {plan.settings.service}", plan_markdown(plan))


@cache
def _environment() -> Environment:
    return safe.markdown_templates(
        {
            "backup_lines": _backup_lines,
            "code": safe.code,
            "contact_table": _contact_table,
            "duration": show_duration,
            "exports": _exports,
            "numbered": _numbered,
            "objective_table": _objective_table,
            "paragraphs": _paragraphs,
            "prose": safe.prose,
            "runs_of": _runs_of,
            "role_table": _role_table,
            "schedule_table": _schedule_table,
            "sentence": sentence,
            "symptom_table": _symptom_table,
            "verified": _verified,
        }
    )


def _objective_table(plan: RecoveryPlan) -> safe.Markdown:
    stated = plan.settings.objectives
    rows: list[tuple[str, str, str, str]] = [
        ("whole service", show_duration(stated.rto), show_duration(stated.rpo), "")
    ]
    for each in plan.scenarios:
        rows.append((each.title, show_duration(each.rto), show_duration(each.rpo), _last(each)))
    return safe.table(("scenario", "RTO", "RPO", "last proven"), rows, right=(1, 2))


def _last(runbook: PlanRunbook) -> str:
    found = runbook.verified
    if found is None:
        return "never"
    stale = "" if found.hash == runbook.hash else ", but the runbook has changed since"
    return f"{found.at:%Y-%m-%d}: RTA {_clock(found.rta_seconds)}{stale}"


def _clock(seconds: float) -> str:
    return show_measured(timedelta(seconds=seconds))


def _symptom_table(plan: RecoveryPlan) -> safe.Markdown:
    rows = [
        (safe.prose(symptom), safe.code(f"drx run {each.id} --env {plan.environment}"))
        for each in plan.scenarios
        for symptom in each.symptoms
    ]
    return safe.table(("what people see", "what to run"), rows)


def _backup_lines(settings: Settings) -> Iterator[str]:
    """Say where backups lie and how long they stay, as drx.yaml has it."""
    backups = settings.backups
    if backups is None:
        yield "drx.yaml states no backups: nothing can be restored."
        return
    yield f"Backups are written to {_place(backups.primary)}."
    for copy in backups.copies:
        yield f"A copy of everything goes to {_place(copy)}."
    stores = (backups.primary, *backups.copies)
    kinds = {"bucket" if store.s3 else "directory" for store in stores}
    regions = sorted({store.s3.region for store in stores if store.s3})
    yield (
        f"3-2-1: {1 + len(stores)} copies, the live data being one; {len(kinds) + 1} kinds of storage, the database "
        f"being one; in {len(regions)} {'region' if len(regions) == 1 else 'regions'}"
        + (f" ({', '.join(regions)})." if regions else ".")
    )
    kept = backups.retention
    yield f"Any second of the last {show_duration(kept.within)} can be restored, once slices have been archived."
    older = [
        f"{count} {word}" for word, count in
        (("daily", kept.daily), ("weekly", kept.weekly), ("monthly", kept.monthly), ("yearly", kept.yearly)) if count
    ]  # fmt: skip
    yield (f"Of what is older, {', '.join(older)} backups are kept; " if older else "Nothing older is kept; ") + (
        f"never fewer than {kept.minimum}."
    )


def _place(store: Store) -> str:
    if store.s3:
        prefix = f"/{store.s3.prefix.strip('/')}" if store.s3.prefix.strip("/") else ""
        return f"s3://{store.s3.bucket}{prefix} in {store.s3.region}"
    return f"the directory {store.directory}"


def _schedule_table(settings: Settings) -> safe.Markdown:
    rows = [(_what(each), each.environment or "", _when(each)) for each in settings.schedules]
    return safe.table(("what", "where", "when (cron)"), rows)


def _what(schedule: Schedule) -> safe.Markdown:
    return safe.code(f"drx drill {schedule.drill}" if schedule.drill else f"drx run {schedule.run}")


def _runs_of(settings: Settings, runbook: PlanRunbook) -> safe.Markdown:
    """Say when a runbook runs by itself."""
    return safe.Markdown(" and ".join(_when(each) for each in settings.schedules if each.run == runbook.id))


def _when(schedule: Schedule) -> safe.Markdown:
    return safe.Markdown(f"{safe.code(schedule.cron)} {safe.escaped(schedule.timezone)}")


def _contact_table(settings: Settings) -> safe.Markdown:
    rows = [
        (name.replace("_", " ") if not inner else f"{name.replace('_', ' ')}: {inner.replace('_', ' ')}", value)
        for name, entry in settings.contacts.items()
        for inner, value in (entry.items() if isinstance(entry, dict) else (("", entry),))
    ]
    return safe.table(("who", "how"), rows)


def _role_table(settings: Settings) -> safe.Markdown:
    return safe.table(("role", "who has it"), [(name, ", ".join(people)) for name, people in settings.roles.items()])


def _exports(plan: RecoveryPlan) -> safe.Markdown:
    return safe.fence(
        [
            f"export {name}='...'  # {source}" if source else f"export {name}={_quoted(value)}"
            for name, value, source in plan.exports
        ]
        + list(plan.functions),
        "sh",
    )


def _quoted(value: str) -> str:
    return value if value and all(sign.isalnum() or sign in "-_./:" for sign in value) else f"'{value}'"


def _paragraphs(text: str) -> safe.Markdown:
    """Keep the paragraphs of a text, each as one line of harmless Markdown."""
    found = (one_line(part) for part in text.split("\n\n"))
    return safe.Markdown("\n\n".join(safe.prose(part) for part in found if part))


def _verified(runbook: PlanRunbook) -> safe.Markdown:
    found = runbook.verified
    if found is None:
        return safe.Markdown("**NOT VERIFIED**: no drill of it is on record.")
    figures = f"RTA {_clock(found.rta_seconds)} (RTO {show_duration(runbook.rto)})"
    if found.rpa_seconds is not None:
        figures += f", RPA {_clock(found.rpa_seconds)} (RPO {show_duration(runbook.rpo)})"
    where = f"drill {safe.code(found.drill)} in {safe.code(found.environment)} on {found.at:%Y-%m-%d}: {figures}."
    if found.hash != runbook.hash:
        return safe.Markdown(f"**NOT VERIFIED**: what it runs has changed since its last {where}")
    return safe.Markdown(f"**VERIFIED** until {found.valid_until:%Y-%m-%d} by {where} {_evidence(found)}")


def _evidence(found: Verified) -> str:
    return f"Run {safe.code(found.run)}, journal {safe.code(found.journal[:16])}, runbook {safe.code(found.hash[:16])}."


def _numbered(steps: tuple[PlanStep, ...], begin: str = "") -> safe.Markdown:
    return safe.Markdown("\n\n".join(_listed(steps, begin)))


def _listed(steps: tuple[PlanStep, ...], begin: str) -> Iterator[str]:
    for position, step in enumerate(steps, 1):
        number = f"{begin}{position}"
        yield "\n\n".join(_told(step, number))
        groups = step.groups or {}
        for name, inner in groups.items():
            yield f"{number}, {safe.escaped(name)}:"
            yield from _listed(inner, f"{number}.{name}." if len(groups) > 1 else f"{number}.")


def _condition(when: str) -> str:
    """Say a condition on how other steps ended in words; any other as it is written."""
    parts = [_ENDED.fullmatch(part.strip()) for part in when.split(" and ")]
    if None in parts:
        return safe.code(when)
    ended = [(safe.code(part[1].replace("_", "-")), part[2] == "==") for part in parts if part]
    return " and ".join(f"{name} {'succeeded' if well else 'did not succeed'}" for name, well in ended)


def _told(step: PlanStep, number: str) -> Iterator[str]:
    """Write one step: what, who, how long; then what a person decides, and the command by hand."""
    facts = [step.who]
    if step.expect is not None:
        facts.append(show_duration(step.expect))
    if step.recovered:
        facts.append("**the service is back after this**")
    yield f"**{safe.escaped(number)}. {safe.prose(step.title)}** ({', '.join(facts)}) {safe.code(step.id)}"
    if step.when:
        yield f"Only if {_condition(step.when)}."
    if step.text:
        yield f"> {safe.prose(step.text)}"
    if step.by_hand:
        yield safe.fence(step.by_hand.splitlines(), "sh")
    if step.undo:
        yield "To undo it:"
        yield safe.fence(step.undo.splitlines(), "sh")
    if step.on_failure:
        yield safe.escaped(sentence(step.on_failure))
