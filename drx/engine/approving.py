"""Say who may approve a step, and whose approvals count. The one place that knows; pure."""

from collections.abc import Collection, Iterable

from drx.engine.plan import Human


def refusal(human: Human, operators: Collection[str], user: str) -> str | None:
    """Give the reason why an account may not approve, None where it may."""
    if human.not_operator and user in operators:
        return f"{user} runs this runbook; somebody else has to approve"
    if human.roles and user not in human.holders:
        return f"{user} does not have the role {' or '.join(human.roles)}; who may approve: {who_may(human, operators)}"
    return None


def counted(human: Human, operators: Collection[str], agreed: Iterable[str]) -> tuple[str, ...]:
    """Give those of the people who agreed that count, each once."""
    return tuple(dict.fromkeys(user for user in agreed if refusal(human, operators, user) is None))


def who_may(human: Human, operators: Collection[str]) -> str:
    """Say who may approve: `anna or ben (lead)`, `anybody but ada, who runs it`; empty where anybody may."""
    if not human.roles:
        return f"anybody but {' or '.join(sorted(operators))}, who runs it" if human.not_operator else ""
    left = [user for user in human.holders if not (human.not_operator and user in operators)]
    return f"{' or '.join(left) or 'nobody'} ({' or '.join(human.roles)})"
