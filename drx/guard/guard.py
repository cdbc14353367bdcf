"""The guard of one run: asks servers who they are, once each, and lets actions through or refuses. Journals nothing."""

from dataclasses import replace
from typing import assert_never

from drx.config import RailwayTarget, Settings, SystemdTarget, Target
from drx.config.model import Environment
from drx.config.providers import LocalHost
from drx.engine.terms import Mode
from drx.errors import RefusedError
from drx.guard.decide import (
    AccessRequest,
    Allowed,
    Decision,
    NeedsName,
    Phase,
    Refused,
    decide_access,
    protected_refusal,
    refuse_server,
)
from drx.guard.identity import KINDS, REPLICA_SET_MARK, Identity, Kind, UnknownIdentity, identify_bucket, identify_mongo
from drx.guard.trust import Trust
from drx.runbook.catalogue import ActionSpec, Effect

Resources = frozenset[tuple[str, str]]
_NONE: Resources = frozenset()


class NameNeeded(RefusedError):
    """A person has to type the name of what would be destroyed."""

    def __init__(self, resource: str, reason: str) -> None:
        super().__init__(reason, f"Type '{resource}' to let it happen")
        self.resource = resource


class Guard:
    """Lets a run touch the servers of its environment, and no others."""

    def __init__(self, target: Target, settings: Settings, trust: Trust, mode: Mode) -> None:
        self._target = target
        self._settings = settings
        self._trust = _with_stated(trust, target, settings)
        self._mode = mode
        self._identities: dict[Kind, Identity] = {}
        self._written: set[Kind] = set()
        """What was asked just before a write."""

    def check_drill(self) -> tuple[Identity, ...]:
        """Let a drill begin: call it before anything is written. Gives who the servers are.

        Raises RefusedError for a protected environment, for a server that belongs to one or may do so, and for one
        that is not the environment's own.
        """
        if self._target.protected:
            _enforce(protected_refusal(self._target.name))
        for kind in kinds_of(self._target):
            identity = self._identities[kind] = identify(self._target, kind)
            refusal = refuse_server(self._request("write", kind, "setup"), identity, self._trust)
            _enforce(refusal or Allowed())
        return tuple(self._identities.values())

    def check(
        self,
        spec: ActionSpec,
        resource: str | None,
        phase: Phase,
        *,
        created: Resources = _NONE,
        lost: Resources = _NONE,
        named: str | None = None,
    ) -> tuple[Identity, ...]:
        """Let an action through, just before it starts. Gives the servers that were asked now, for the journal.

        A server is asked just before the first write to it, and before anything there is destroyed: somebody else may
        answer at its address meanwhile. In a sandbox, which drx runs itself, once is enough.
        `created` and `lost` are what the journal says of this run; `named` is what a person typed for this step.
        Raises RefusedError, or NameNeeded where a person may still allow it.
        """
        asked = []
        for part in spec.targets or ("host",):
            identity = None
            if spec.effect != "read" and part in spec.targets and part in kinds_of(self._target):
                before = self._identities.get(part)
                identity = self._identify(part, spec.effect)
                asked += [identity] if identity != before else []
            request = self._request(spec.effect, part, phase, resource, created, lost, named, bool(spec.targets))
            _enforce(decide_access(request, identity, self._trust))
        return tuple(asked)

    def knows(self, kind: Kind) -> bool:
        """Whether somebody has said which server this part of the environment is; asks no server."""
        return bool(self._trust.marks(self._target.name, kind))

    def _identify(self, kind: Kind, effect: Effect) -> Identity:
        stale = not self._target.sandbox and (effect == "destroy" or kind not in self._written)
        if stale or kind not in self._identities:
            self._identities[kind] = identify(self._target, kind)
        self._written.add(kind)
        return self._identities[kind]

    def _request(
        self,
        effect: Effect,
        part: str,
        phase: Phase,
        resource: str | None = None,
        created: Resources = _NONE,
        lost: Resources = _NONE,
        named: str | None = None,
        named_target: bool = True,
    ) -> AccessRequest:
        return AccessRequest(
            mode=self._mode,
            phase=phase,
            environment=self._target.name,
            effect=effect,
            target=part,
            resource=resource,
            protected=self._target.protected,
            sandbox=self._target.sandbox,
            own_machine=not _is_provided(self._target) or not named_target,
            protected_environments=frozenset(
                name
                for name, each in self._settings.environments.items()
                if each.protected and getattr(each, part, None) and not (part == "host" and _is_local(each))
            ),
            created=created,
            lost=lost,
            named=named,
        )


def is_protected(settings: Settings, environment: str) -> bool:
    """Whether drx.yaml protects an environment; none of its references has to be resolved to know it."""
    stated = settings.environments.get(environment)
    return stated is not None and stated.protected


def refuse_protected(settings: Settings, environment: str) -> None:
    """Let no drill begin in a protected environment; call it before its references are resolved.

    Raises RefusedError.
    """
    if is_protected(settings, environment):
        _enforce(protected_refusal(environment))


def identify(target: Target, kind: Kind) -> Identity:
    """Ask one server of an environment who it is.

    Raises UnknownIdentity.
    """
    if kind == "mongo" and target.mongo:
        return identify_mongo(target.mongo)
    if kind == "uploads" and target.uploads:
        return identify_bucket(target.uploads)
    if kind == "atlas" and target.atlas:
        from drx.guard.providers import identify_atlas

        return identify_atlas(target.atlas)
    if kind == "dns" and target.dns:
        from drx.guard.providers import identify_dns

        return identify_dns(target.dns)
    if kind == "host" and isinstance(target.host, RailwayTarget | SystemdTarget):
        from drx.guard.providers import identify_host

        return identify_host(target.host)
    raise UnknownIdentity(f"'{target.name}' has no {kind}", f"State {kind} of '{target.name}' in drx.yaml")


def kinds_of(target: Target) -> tuple[Kind, ...]:
    """List the parts of an environment that can say who they are."""
    return tuple(
        kind for kind in KINDS if (getattr(target, kind) is not None and (kind != "host" or _is_provided(target)))
    )


def _is_local(environment: Environment) -> bool:
    return isinstance(environment.host, LocalHost)


def _is_provided(target: Target) -> bool:
    """Whether the host is one that can be asked: not this machine."""
    return isinstance(target.host, RailwayTarget | SystemdTarget)


def _with_stated(trust: Trust, target: Target, settings: Settings) -> Trust:
    """Add what drx.yaml itself says of servers: it settles whose the own server is, and adds to the protected ones."""
    environments = {name: dict(marks) for name, marks in trust.environments.items()}
    for name, each in settings.environments.items():
        if each.mongo and each.mongo.replica_set_id:
            stated = (f"{REPLICA_SET_MARK}{each.mongo.replica_set_id}",)
            environments.setdefault(name, {})["mongo"] = (*trust.marks(name, "mongo"), *stated)
    if target.mongo and target.mongo.replica_set_id:
        environments.setdefault(target.name, {})["mongo"] = (f"{REPLICA_SET_MARK}{target.mongo.replica_set_id}",)
    return replace(trust, environments=environments)


def _enforce(decision: Decision) -> None:
    match decision:
        case Allowed():
            return
        case Refused():
            raise RefusedError(decision.reason, decision.remedy)
        case NeedsName():
            raise NameNeeded(decision.resource, decision.reason)
        case _:
            assert_never(decision)
