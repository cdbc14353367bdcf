"""Bring each action past the guard, and have the journal say who the servers are. It makes no rules."""

import threading
from dataclasses import replace

from drx.actions.base import Action, Params
from drx.engine.events import TargetIdentified
from drx.engine.plan import Phase
from drx.engine.state import State
from drx.guard import Guard, Identity
from drx.guard import Phase as GuardPhase
from drx.runner.context import Attempt, Permit

_PHASES: dict[Phase, GuardPhase] = {
    Phase.SETUP: "setup",
    Phase.FAULT: "fault",
    Phase.DETECT: "runbook",
    Phase.PRECHECK: "runbook",
    Phase.STEP: "runbook",
    Phase.PASS: "pass",
    Phase.CLEANUP: "teardown",
}


class Gate:
    """The guard, asked by one attempt at a time."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._lock = threading.Lock()

    def permit(self, phase: Phase, state: State) -> Permit:
        """Give what lets the actions of one attempt through, as the run stands when it starts."""

        def check(attempt: Attempt, action: Action, params: Params) -> None:
            resource = action.resource(params, attempt.target) if action.resource else None
            with self._lock:
                identities = self._guard.check(
                    replace(action.spec, effect=action.effect(params)),
                    resource,
                    _PHASES[phase],
                    created=attempt.created,
                    lost=state.lost,
                    named=resource if resource in state.named else None,
                )
            for identity in identities:
                attempt.say(identified(identity))

        return check


def identified(identity: Identity) -> TargetIdentified:
    """The fact that a server said who it is, and was trusted."""
    return TargetIdentified(identity.kind, identity.value, identity.how)
