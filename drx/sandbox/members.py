"""Which programs make up a sandbox and how each is started. Knows commands and environments, starts nothing."""

import importlib.util
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import drx
from drx.errors import UsageError
from drx.sandbox.host import deployed_version
from drx.sandbox.state import APP, LOOPBACK, MONGO, REGIONS, RESOLVER, Member, Region, s3_name

_OPLOG_ENTRIES = 20_000
"""How many the database server keeps, which reads all of them whatever it is asked about its oplog."""
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Program:
    """How to start a member: arguments for Python, and its whole environment."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    address: str = LOOPBACK


def require_servers() -> None:
    """Raise UsageError unless the servers of the `sandbox` extra are installed."""
    missing = [name for name in ("secantus", "ministack") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the sandbox's servers are not installed ({', '.join(missing)} missing)",
            "Install drx with them, in its checkout: pipx install --force '.[sandbox]'",
        )


def programs(directory: Path, ports: Mapping[str, int], app_address: str) -> tuple[Program, ...]:
    """Every member, on its port of last time, or on one that the system chooses."""
    return (
        _mongo(directory, ports.get(MONGO, 0)),
        *(_s3(directory, region, ports.get(s3_name(region), 0)) for region in REGIONS),
        own_program(RESOLVER, directory, "--port", str(ports.get(RESOLVER, 0))),
        _app(directory, app_address, ports.get(APP, 0), deployed_version(directory)),
    )


def own_program(name: str, directory: Path, *arguments: str) -> Program:
    """A program of this package, `drx.sandbox.<name>`, imported from where this very drx lies."""
    environment = _environment(directory) | {"PYTHONPATH": str(Path(drx.__file__).parents[1])}
    return Program(name, ("-m", f"drx.sandbox.{name}", "--directory", str(directory), *arguments), environment)


def start_script(directory: Path, app: Member, version: str) -> str:
    """A shell script that starts a version of the application, as a release of a host has it."""
    program = _app(directory, app.address, app.port, version)
    variables = (f"export {name}={shlex.quote(value)}" for name, value in program.environment.items())
    command = shlex.join([sys.executable, "-P", *program.arguments])
    return "\n".join(["#!/bin/sh", *variables, f"exec {command}", ""])


def _app(directory: Path, address: str, port: int, version: str) -> Program:
    where = ("--address", address, "--port", str(port))
    return replace(own_program(APP, directory, *where, "--version", version), address=address)


def _mongo(directory: Path, port: int) -> Program:
    settings = directory / MONGO / "secantusd.toml"  # empty: without it the server reads settings of the user's home
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.touch()
    data = str(directory / MONGO / "data")
    arguments = ("--config", str(settings), "--host", "127.0.0.1", "--port", str(port), "--storage-path", data)
    oplog = ("--oplog-max-entries", str(_OPLOG_ENTRIES))
    return Program(MONGO, ("-m", "secantus", *arguments, *oplog), _environment(directory))


def _s3(directory: Path, region: Region, port: int) -> Program:
    name = s3_name(region)
    environment = _environment(directory) | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "SERVICES": "s3,iam,sts,route53",
        "MINISTACK_REGION": region,
        "LOG_LEVEL": "WARNING",
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(directory / name / "objects"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(directory / name / "state"),
    }
    return Program(name, ("-m", "ministack"), environment)


def _environment(directory: Path) -> dict[str, str]:
    """What a child sees: no credentials, proxies or settings of the person who started it."""
    temporary = directory / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {"TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}
