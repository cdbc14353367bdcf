"""Decide whether a run may touch a target. Pure: every rule of the guard stands here, and nothing else does."""

from dataclasses import dataclass, field
from typing import Literal

from drx.engine.terms import Mode
from drx.guard.identity import KINDS, Identity
from drx.guard.trust import Trust
from drx.runbook.catalogue import Effect

Phase = Literal["setup", "fault", "runbook", "pass", "teardown"]


@dataclass(frozen=True)
class AccessRequest:
    """What an action is about to do."""

    mode: Mode
    phase: Phase
    environment: str
    effect: Effect
    target: str
    """The part of the environment: `mongo`, `uploads`, `store`, `host`."""
    resource: str | None = None
    """What it changes or destroys, by name; `database` or `database.collection`."""
    protected: bool = False
    sandbox: bool = False
    own_machine: bool = True
    """The host is this machine, or not touched by name: it needs no proof of who it is."""
    protected_environments: frozenset[str] = field(default_factory=frozenset)
    """The protected environments that have this part."""
    created: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    """What the run created: (target, resource)."""
    lost: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    """What was declared lost: (target, resource)."""
    named: str | None = None
    """What a person typed to let it be destroyed or overwritten."""


@dataclass(frozen=True)
class Allowed:
    """It may go on."""


@dataclass(frozen=True)
class Refused:
    """It may not."""

    reason: str
    remedy: str


@dataclass(frozen=True)
class NeedsName:
    """It may go on only if a person types this name."""

    resource: str
    reason: str


Decision = Allowed | Refused | NeedsName


def decide_access(request: AccessRequest, identity: Identity | None, trust: Trust) -> Decision:
    """Say whether the action may run. `identity` is what the server said of itself; None where it did not.

    - What only reads is allowed.
    - A tabletop touches nothing.
    - A drill changes nothing of a protected environment, nor of a server that belongs to one under another name.
    - What was declared lost is not written to again.
    - A server that cannot say who it is, or that is not the environment's own, is left alone.
    - Outside drills, only what the run created, what retention gives up, or what a person named is destroyed.
    """
    if request.effect == "read":
        return Allowed()
    refusal = _refuse_mode(request) or _refuse_lost(request) or refuse_server(request, identity, trust)
    return refusal or _decide_destruction(request)


def _refuse_mode(request: AccessRequest) -> Refused | None:
    if request.mode is Mode.TABLETOP:
        return Refused("a tabletop touches nothing", "Use `drx drill` to really do it")
    if request.mode is not Mode.DRILL:
        if request.phase == "fault":
            return Refused("only a drill has a fault", "Use `drx drill`")
        return None
    if request.protected:
        return protected_refusal(request.environment)
    if request.target == "store" and request.effect == "destroy" and not request.sandbox:
        reason = f"the backup stores of '{request.environment}' are those of production too: a drill destroys none"
        return Refused(reason, "Practise this in the sandbox")
    return None


def protected_refusal(environment: str) -> Refused:
    """Say that no drill runs there."""
    return Refused(f"'{environment}' is protected: no drill runs there", "Use --env with staging or the sandbox")


def _refuse_lost(request: AccessRequest) -> Refused | None:
    if request.resource is None:
        return None
    for target, resource in sorted(request.lost):
        if target == request.target and (_covers(resource, request.resource) or _covers(request.resource, resource)):
            reason = f"{target} '{resource}' was declared lost: nothing is written there again"
            return Refused(reason, "Restore beside it, under another name")
    return None


def refuse_server(request: AccessRequest, identity: Identity | None, trust: Trust) -> Refused | None:
    """Refuse a server that is not the environment's own, or for all one knows may belong to a protected one."""
    kind = next((each for each in KINDS if each == request.target), None)
    if kind is None or (kind == "host" and request.own_machine):
        return None
    ask = f"run `drx trust {request.environment}`"
    if identity is None or identity.kind != kind:
        reason = f"{request.target} of '{request.environment}' did not say whose server it is"
        return Refused(reason, f"See that it answers, then {ask}")
    if request.environment in trust.edited:
        return _edited(request.environment)
    if request.mode is Mode.DRILL and (refusal := _refuse_protected_server(request, identity, trust)):
        return refusal
    if request.sandbox:
        return None
    owner = trust.owner(identity, frozenset(trust.environments) - {request.environment})
    known = trust.marks(request.environment, kind)
    if not known:
        return Refused(f"nobody has trusted {request.target} of '{request.environment}' yet", ask.capitalize())
    if not identity.is_one_of(known):
        whose = f"belongs to '{owner}'" if owner else "is another one"
        reason = f"{request.target} of '{request.environment}' is not the trusted server: this one {whose}"
        return Refused(reason, f"Correct its address in drx.yaml; if it was really replaced, {ask}")
    return None


def _edited(environment: str) -> Refused:
    reason = f"what drx.trust.yaml says of '{environment}' is not what `drx trust` wrote"
    return Refused(reason, f"Take the file back from Git, or run `drx trust {environment}` and look at what it shows")


def _refuse_protected_server(request: AccessRequest, identity: Identity, trust: Trust) -> Refused | None:
    """Refuse a server of a protected environment, and any server while theirs are unknown.

    Environments that were protected when they were trusted count too: drx.yaml may have lost or renamed them since.
    """
    part, kind = f"{request.target} of '{request.environment}'", identity.kind
    if request.environment in trust.protected:
        reason = f"'{request.environment}' was protected when it was trusted, and drx.yaml no longer says so"
        return Refused(reason, f"Add `protected: true` again; if it was meant, run `drx trust {request.environment}`")
    protected = request.protected_environments | {name for name in trust.protected if trust.marks(name, kind)}
    owner = trust.owner(identity, protected)
    if owner:
        reason = f"{part} is a server of '{owner}', which is protected"
        return Refused(reason, f"Correct its address in drx.yaml, or the variable it comes from: {identity.value}")
    unsure = (_refuse_unsure(request, identity, trust, name) for name in sorted(protected))
    return None if request.sandbox else next(filter(None, unsure), None)


def _refuse_unsure(request: AccessRequest, identity: Identity, trust: Trust, protected: str) -> Refused | None:
    """Refuse a server of which nobody can say that it is not a protected environment's."""
    marks = trust.marks(protected, identity.kind)
    if protected in trust.edited:
        return _edited(protected)
    if not marks:
        reason = f"nobody has trusted {request.target} of '{protected}' yet, so this server may be it"
        return Refused(reason, f"Run `drx trust {protected}` first")
    if not identity.can_be_held_against(marks):
        reason = f"{request.target} of '{request.environment}' cannot be told apart from that of '{protected}'"
        keys = "Let the keys of both list buckets (s3:ListAllMyBuckets)"
        return Refused(reason, f"{keys}, then run `drx trust` for {protected} and {request.environment}")
    return None


def _decide_destruction(request: AccessRequest) -> Decision:
    if request.effect != "destroy" or request.mode is Mode.DRILL:
        return Allowed()
    if request.target == "store" and request.resource is None:
        return Allowed()  # retention decides which backups go, and keeps the last good one
    name = request.resource or request.environment
    created = any(target == request.target and _covers(resource, name) for target, resource in request.created)
    if created or request.named == name:
        return Allowed()
    return NeedsName(name, f"'{name}' in {request.target} of '{request.environment}' would be destroyed")


def _covers(outer: str, inner: str) -> bool:
    return inner == outer or inner.startswith(f"{outer}.")
