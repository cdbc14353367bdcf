"""Put a runbook's surprises into the plan of a tabletop, as steps of people. Pure; the engine knows nothing of them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from drx.engine.plan import Group, Human, Plan, PlannedStep
from drx.runbook.model import Surprise

MARK = "TABLETOP"
_TO_DECIDE = timedelta(minutes=5)


def with_surprises(plan: Plan, surprises: Sequence[Surprise]) -> Plan:
    """Mark the plan as a tabletop's, and put each surprise before its step."""
    shown = tuple(surprise for surprise in surprises if not surprise.fails)
    return replace(
        plan,
        title=f"{MARK}: {plan.title}",
        main=tuple(_among(plan.main, shown)),
        cleanup=tuple(_among(plan.cleanup, shown)),
    )


def _among(steps: Sequence[PlannedStep], surprises: Sequence[Surprise]) -> Iterator[PlannedStep]:
    for step in steps:
        for number, surprise in enumerate((each for each in surprises if each.at == step.id), start=1):
            yield _as_step(surprise, step, number)
        if isinstance(step.work, Group):
            branches = {name: tuple(_among(inner, surprises)) for name, inner in step.work.branches.items()}
            yield replace(step, work=replace(step.work, branches=branches))
        else:
            yield step


def _as_step(surprise: Surprise, before: PlannedStep, number: int) -> PlannedStep:
    """Nothing in a surprise is an expression: it stands for what nobody foresaw."""
    prompt = _literal(f"{surprise.text} {surprise.ask}".strip())
    return PlannedStep(
        f"{before.id}/surprise-{number}", f"Surprise: {surprise.text}", before.phase,
        Human("ask" if surprise.ask else "confirm", prompt), before.scope, expect=_TO_DECIDE,
        requires=before.requires,
    )  # fmt: skip


def _literal(text: str) -> str:
    return text.replace("{{", "{ {").replace("{%", "{ %")
