"""Check who has to approve: each role is somebody's, and there are enough people. Runs nothing."""

from drx.runbook.check.review import Place, Review, walk
from drx.runbook.model import ApproveStep, Runbook


def check(review: Review, runbook: Runbook) -> None:
    """Check the approvers of every step."""
    sections = {"prechecks": runbook.prechecks, "steps": runbook.steps, "cleanup": runbook.cleanup}
    for name, steps in sections.items():
        for step, place in walk(steps, (name,)):
            if isinstance(step, ApproveStep):
                _check_roles(review, step, (*place, "approvers"))


def _check_roles(review: Review, step: ApproveStep, place: Place) -> None:
    known = review.surroundings.roles
    if known is None:
        return
    holders: set[str] = set()
    for position, role in enumerate(step.approvers.roles):
        if role in known:
            holders |= set(known[role])
        elif known:
            review.unknown((*place, "roles", position), f"drx.yaml has no role '{role}'", role, known)
        else:
            remedy = f"Say there who has it: roles: {{{role}: [ACCOUNT]}}"
            review.error((*place, "roles", position), f"drx.yaml has no role '{role}'", remedy)
    least = step.approvers.min
    if step.approvers.roles and known.keys() >= set(step.approvers.roles) and len(holders) < least:
        have = "1 account has" if len(holders) == 1 else f"{len(holders)} accounts have"
        message = f"{least} people have to approve, and only {have} the role {' or '.join(step.approvers.roles)}"
        review.error((*place, "min"), message, "Ask for fewer, or give the role to more in drx.yaml")
