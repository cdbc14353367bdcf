"""Check the surprises of a tabletop: each comes before a step that there is. Runs nothing."""

from drx.runbook.check.review import Review, walk
from drx.runbook.model import ActionStep, Runbook


def check(review: Review, runbook: Runbook) -> None:
    """Check each surprise by itself."""
    sections = {"prechecks": runbook.prechecks, "steps": runbook.steps, "cleanup": runbook.cleanup}
    known = {placed.step.id: placed.step for name, steps in sections.items() for placed in walk(steps, (name,))}
    for position, surprise in enumerate(runbook.surprises):
        place = ("surprises", position)
        if surprise.at not in known:
            if not review.is_unsure((*place, "at")) and not review.is_mentioned(surprise.at):
                review.unknown((*place, "at"), f"there is no step '{surprise.at}'", surprise.at, known)
        elif surprise.fails and not isinstance(known[surprise.at], ActionStep):
            message = f"'{surprise.at}' is not automated: only an action can be made to fail"
            review.error((*place, "fails"), message, "Remove `fails`, and ask something")
        elif surprise.fails and any(each.fails and each.at == surprise.at for each in runbook.surprises[:position]):
            review.error((*place, "fails"), f"'{surprise.at}' fails already, once", "Keep one of the two")
        if surprise.fails and surprise.ask:
            message = "a step that fails asks by itself what to do"
            review.error((*place, "ask"), message, "Remove `ask`, or make two surprises of it")
