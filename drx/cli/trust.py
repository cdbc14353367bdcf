"""`drx trust`: show who the servers of an environment are, and trust them once a person has typed its name."""

import os
from collections.abc import Callable
from pathlib import Path

from drx.config import find_config, load_config, resolve_target
from drx.errors import ExitCode, HumanNeeded, RefusedError, UsageError
from drx.guard import REPLICA_SET_MARK, Identity, Trust, identify, kinds_of, read_trust, write_trust


def trust(
    environment: str,
    *,
    yes: bool,
    directory: Path,
    ask: Callable[[str], str] | None,
    say: Callable[[str], None] = print,
) -> int:
    """Trust the servers that an environment's addresses lead to now.

    `ask` puts a question to a person and gives the answer; None where nobody is there. Raises RefusedError where a
    server does not say who it is, belongs to a protected environment, or the name is not typed.
    """
    config = load_config(find_config(directory))
    settings = config.settings
    known = read_trust(config.directory)
    if environment in settings.environments and settings.environments[environment].sandbox:
        raise UsageError(f"the servers of '{environment}' need no trust: drx starts them itself")
    target = resolve_target(config, environment, os.environ)
    found = tuple(identify(target, kind) for kind in kinds_of(target))
    if not found:
        raise UsageError(
            f"'{environment}' has no server that could be asked", "State mongo, uploads, host, dns or atlas in drx.yaml"
        )
    say(f"{environment}{' (protected: no drill runs there)' if target.protected else ''}")
    for identity in found:
        say(_line(identity, known.marks(environment, identity.kind)))
    protected = frozenset(name for name, each in settings.environments.items() if each.protected)
    _refuse_shared(environment, found, known, protected | known.protected)
    if _trusted_already(environment, found, known, protected=target.protected):
        say("These servers are trusted already.")
        return ExitCode.OK
    if not yes:
        _confirm(environment, ask)
    path = write_trust(config.directory, known.with_identities(environment, found, protected=target.protected))
    say(f"Trusted. Commit {path.name}, so that everybody's runs know these servers.")
    return ExitCode.OK


def _trusted_already(environment: str, found: tuple[Identity, ...], known: Trust, *, protected: bool) -> bool:
    as_written = environment not in known.edited and protected == (environment in known.protected)
    return as_written and all(set(each.marks) == set(known.marks(environment, each.kind)) for each in found)


_SEVERAL = ("atlas", "dns")
"""Kinds whose marks are not several names of one thing, but several things that may be changed."""


def _line(identity: Identity, before: tuple[str, ...]) -> str:
    lines = [f"  {identity.kind:<8} {identity.value}  (from {identity.how})"]
    if before and not identity.is_one_of(before):
        lines.append(f"until now: {before[0]}")
    if identity.kind in _SEVERAL:
        lines += [f"and {mark}" for mark in identity.marks[1:]]
    if identity.kind == "mongo" and not identity.value.startswith(REPLICA_SET_MARK):
        lines.append("known by this member only: after a failover, trust it again,")
        lines.append("or let the user run replSetGetConfig (role clusterMonitor)")
    return "\n           ".join(lines)


def _refuse_shared(environment: str, found: tuple[Identity, ...], known: Trust, protected: frozenset[str]) -> None:
    for identity in found:
        owner = known.owner(identity, protected - {environment})
        if owner:
            message = f"this {identity.kind} is a server of '{owner}', which is protected"
            raise RefusedError(message, f"Correct {identity.kind} of '{environment}' in drx.yaml")


def _confirm(environment: str, ask: Callable[[str], str] | None) -> None:
    if ask is None:
        raise HumanNeeded(f"a person has to trust the servers of '{environment}'", "Run it at a terminal, or add --yes")
    try:
        answer = ask(f"Are these the servers of {environment}? Type its name to trust them: ")
    except EOFError:
        answer = ""
    if answer.strip() != environment:
        raise RefusedError("the name was not typed: nothing is trusted", f"Run `drx trust {environment}` again")
