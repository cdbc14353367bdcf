"""The disk of the application's host: variables, releases, process id, as `local` hosts have them. Runs no process."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drx.actions.hosts import local
from drx.actions.hosts.local import CURRENT, DEPLOYMENTS, PID, START, VARIABLES
from drx.errors import DrxError
from drx.files import write_atomically
from drx.sandbox.state import ACCESS_KEY, DATABASE, SECRET_KEY, UPLOADS_BUCKET, SandboxState, host_directory

DATABASE_URL = "DATABASE_URL"
RELEASES = ("1.0.0", "1.1.0")
"""The versions that a sandbox's application comes in, all of them good; the last is the one that is deployed."""
_BUCKET = "UPLOADS_BUCKET"
_ENDPOINT = "AWS_ENDPOINT_URL_S3"
_REGION = "AWS_REGION"
_KEY = "AWS_ACCESS_KEY_ID"
_SECRET = "AWS_SECRET_ACCESS_KEY"


@dataclass(frozen=True)
class Settings:
    """What the application reads from its variables."""

    database_url: str
    bucket: str
    endpoint: str
    region: str
    access_key: str
    secret_key: str


def variables_path(directory: Path) -> Path:
    """Where the host keeps the variables of the application."""
    return host_directory(directory) / VARIABLES


def ready_path(directory: Path) -> Path:
    """The application's process id: a new file each time it has read its variables and is ready."""
    return host_directory(directory) / PID


def deployed_version(directory: Path) -> str:
    """The release that is deployed; where that is none of RELEASES, such as a broken one, the last good one."""
    try:
        found = Path(os.readlink(host_directory(directory) / CURRENT)).name
    except OSError:
        return RELEASES[-1]
    return found if found in RELEASES else RELEASES[-1]


def write_releases(directory: Path, start: Callable[[str], str]) -> None:
    """Put the releases on the host, each with a script that starts it, and deploy the one that was, or the newest."""
    host, version = host_directory(directory), deployed_version(directory)
    for each in RELEASES:
        path = host / local.RELEASES / each / START
        write_atomically(path, start(each).encode(), mode=0o700)
    link = host / f"{CURRENT}.new"
    link.unlink(missing_ok=True)
    link.symlink_to(Path(local.RELEASES) / version)
    link.replace(host / CURRENT)
    deployed = [*(each for each in RELEASES if each != version), version]
    write_atomically(host / DEPLOYMENTS, json.dumps(deployed).encode())


def read_settings(directory: Path) -> Settings:
    """The application's settings as they stand on the host; raises DrxError where they are missing or unreadable."""
    path = variables_path(directory)
    variables = _read(path)
    try:
        return Settings(
            database_url=variables[DATABASE_URL],
            bucket=variables[_BUCKET],
            endpoint=variables[_ENDPOINT],
            region=variables[_REGION],
            access_key=variables[_KEY],
            secret_key=variables[_SECRET],
        )
    except KeyError as error:
        raise DrxError(f"{path} lacks {error.args[0]}", "Start the sandbox anew with 'drx sandbox up'") from None


def write_settings(state: SandboxState, database: str | None = None) -> None:
    """Point the application at this sandbox's servers; without `database`, at the database it had.

    Other variables on the host stay as they are.
    """
    path = variables_path(state.directory)
    before = _read(path) if path.exists() else {}
    name = database or _database_name(before.get(DATABASE_URL, "")) or DATABASE
    after = before | {
        DATABASE_URL: state.database_url(name),
        _BUCKET: UPLOADS_BUCKET,
        _ENDPOINT: state.s3["us-east-1"],
        _REGION: "us-east-1",
        _KEY: ACCESS_KEY,
        _SECRET: SECRET_KEY,
    }
    write_atomically(path, json.dumps(after, indent=2).encode())


def _read(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DrxError(f"{path} cannot be read: {error}", "Start the sandbox with 'drx sandbox up'") from error
    if not isinstance(content, dict):
        raise DrxError(f"{path} holds no variables", "Write it as a JSON object of names and values")
    return {str(name): str(value) for name, value in content.items()}


def _database_name(url: str) -> str:
    return url.partition("://")[2].partition("/")[2].partition("?")[0]
