"""Write the commands that do by hand what `host.provision` does, for the provider that drx.yaml names. Runs nothing."""

import json
import shlex
from typing import assert_never

from drx.config.model import Environment
from drx.config.providers import LocalHost, RailwayHost, SystemdHost

_SANDBOX = "# `drx sandbox up` does it in the sandbox"
_NOTHING = "# drx.yaml names no host.provision: make the host as your infrastructure code does it, or in the console"


def provision_by_hand(environment: Environment) -> str:
    """Make a host anew."""
    if environment.sandbox:
        return _SANDBOX
    match environment.host:
        case LocalHost() as host if host.provision:
            return shlex.join(host.provision)
        case RailwayHost() as host if host.provision:
            return _at_railway(host)
        case SystemdHost() as host if host.provision:
            return _over_ssh(host)
        case LocalHost() | RailwayHost() | SystemdHost() | None:
            return _NOTHING
        case _ as never:
            assert_never(never)


def _at_railway(host: RailwayHost) -> str:
    assert host.provision is not None
    new, lines = host.provision, []
    environment = "$RAILWAY_ENVIRONMENT"
    if new.environment:
        given = rf"projectId: \"$RAILWAY_PROJECT\", name: {_quoted(new.environment)}"
        asked = f"mutation {{ environmentCreate(input: {{{given}}}) {{ id }} }}"
        lines.append(f'environment=$(railway "{asked}" | jq -r .data.environmentCreate.id)')
        environment = "$environment"
    source = f"source: {{repo: {_quoted(new.repository)}}}, branch: {_quoted(new.branch)}"
    given = (
        rf"projectId: \"$RAILWAY_PROJECT\", environmentId: \"{environment}\", name: {_quoted(new.service)}, {source}"
    )
    asked = f"mutation {{ serviceCreate(input: {{{given}}}) {{ id }} }}"
    lines.append(f'service=$(railway "{asked}" | jq -r .data.serviceCreate.id)')
    given = rf"environmentId: \"{environment}\", serviceId: \"$service\""
    lines.append(f'railway "mutation {{ serviceDomainCreate(input: {{{given}}}) {{ domain }} }}"')
    if new.variables:
        lines.append(f"# then its variables, at Railway: {', '.join(new.variables)}")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """Write a text as GraphQL reads it, within a shell's double quotes."""
    written = json.dumps(text)
    return "".join(f"\\{each}" if each in '\\"`$' else each for each in written)


def _over_ssh(host: SystemdHost) -> str:
    assert host.provision is not None
    new, sudo = host.provision, "sudo " if host.sudo else ""
    file = f"/etc/systemd/system/{host.unit}"
    lines = [
        f'ssh "$HOST" {shlex.quote(f"{sudo}mkdir -p {shlex.quote(new.directory)}")}',
        f'ssh "$HOST" {shlex.quote(f"{sudo}tee {shlex.quote(file)} > /dev/null")} < {shlex.quote(new.unit_file)}',
        f'ssh "$HOST" {shlex.quote(f"{sudo}systemctl daemon-reload && {sudo}systemctl enable {host.unit}")}',
    ]
    if host.environment_file and new.variables:
        lines.append(f"# then $ENVIRONMENT_FILE there, for its owner only, with: {', '.join(new.variables)}")
    return "\n".join(lines)
