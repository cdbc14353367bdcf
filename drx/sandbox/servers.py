"""Bring a sandbox up, tell how it is, take it down. Ends only processes that this sandbox started."""

import http.client
import os
import shutil
import signal
import socket
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from drx.errors import DrxError, LockedError
from drx.sandbox.buckets import make_buckets
from drx.sandbox.host import ready_path, variables_path, write_releases, write_settings
from drx.sandbox.members import Program, programs, require_servers, start_script
from drx.sandbox.processes import (
    POLL_SECONDS,
    Process,
    end,
    is_alive,
    kill,
    listening_port,
    process_with,
    start_python,
    wait_until,
)
from drx.sandbox.state import (
    APP,
    LOOPBACK,
    MONGO,
    Member,
    SandboxState,
    load_state,
    log_path,
    read_state,
    remove_state,
    write_state,
)
from drx.sandbox.zone import make_zone

_ADDRESSES = (LOOPBACK, "127.0.0.2", "127.0.0.3")
_START_SECONDS = 60.0
_END_SECONDS = 20.0
_LOG_LINES = 15


@dataclass(frozen=True)
class MemberStatus:
    """How one process of a sandbox is."""

    member: Member
    condition: Literal["running", "not answering", "dead"]


def up(directory: Path, only: Collection[str] | None = None, *, point_name: bool = True) -> SandboxState:
    """Start every server that does not run, side by side, and wait until all of them answer.

    A second call changes nothing; a member that died is started again on its data and, if it is free, on its port.
    With `only`, members that are not among these names stay as they are, dead or alive.
    Without `point_name`, the application's name goes on leading where it led.
    Raises UsageError where the servers are not installed, DrxError with the end of the log if a member does not start;
    what this call started is ended again.
    """
    directory = directory.resolve()
    require_servers()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(directory):
        before = _read(directory) or SandboxState(directory=directory, members=())
        left = tuple(each for each in before.members if is_alive(process_of(each)) or (only and each.name not in only))
        remaining = SandboxState(directory=directory, members=left, zone=before.zone)
        started: list[Process] = []
        try:
            state = _start_missing(remaining, before, started)
            make_buckets(state)
            if only is None or APP in only:
                _prepare_host(state, before)
                write_releases(directory, partial(start_script, directory, state.member(APP)))
            state = state.model_copy(update={"zone": make_zone(state, point=point_name)})
            write_state(state)
            _await_answers(state, only)
        except BaseException:
            end(started, _END_SECONDS)
            write_state(remaining)
            raise
    return state


def status(directory: Path) -> tuple[MemberStatus, ...]:
    """How every member is; empty where no sandbox runs."""
    state = _read(directory.resolve())
    return tuple(MemberStatus(member, _condition(member)) for member in state.members) if state else ()


def down(directory: Path, *, remove_data: bool = False) -> None:
    """End every process of the sandbox; with `remove_data`, remove its directory too."""
    directory = directory.resolve()
    if read_state(directory) is None and not variables_path(directory).exists():
        return  # not a sandbox: nothing here is ours
    with locked(directory):
        state = _read(directory)
        if state:
            found = [process_of(member) for member in state.members]
            if remove_data:
                kill(found)  # to end in order takes seconds, and keeps only data that go now
            else:
                end(found, _END_SECONDS)
            remove_state(directory)
    if remove_data:
        shutil.rmtree(directory)


def deploy(directory: Path, database: str | None = None) -> None:
    """Make the application read its variables again, after pointing it at `database` if that is given.

    Returns when the application answers with the new variables in force; raises DrxError if it does not.
    """
    load_state(directory.resolve())  # says what to do where there is none
    state = _read(directory.resolve())
    assert state is not None
    if database:
        write_settings(state, database)
    _restart_app(state)


def _read(directory: Path) -> SandboxState | None:
    """The sandbox as it is: its host may have started the application anew meanwhile, as another process."""
    state = read_state(directory)
    app = state.find(APP) if state else None
    if state is None or app is None or is_alive(process_of(app)):
        return state
    try:
        pid = int(ready_path(directory).read_text())
    except (OSError, ValueError):
        return state
    found = process_with(pid, ("drx.sandbox.app", str(directory)))
    if found is None:
        return state
    return state.with_member(app.model_copy(update={"pid": found.pid, "started": found.started}))


def process_of(member: Member) -> Process:
    """The process behind a member."""
    return Process(member.pid, member.started)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep a second command off the same sandbox; raises LockedError when it takes too long."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(directory / ".lock", timeout=2 * _START_SECONDS):
            yield
    except Timeout:
        raise LockedError(f"another command works on the sandbox in {directory}", "Wait until it is done") from None


def log_end(directory: Path, name: str) -> str:
    """The last lines of a member's log, to be put behind what went wrong."""
    path = log_path(directory, name)
    lines = path.read_text(errors="replace").splitlines()[-_LOG_LINES:] if path.exists() else []
    return "\n".join(["; the end of its log:", *lines]) if lines else f"; its log, {path}, is empty"


def _start_missing(state: SandboxState, before: SandboxState, started: list[Process]) -> SandboxState:
    """Start what does not run; each process is in the state file before it is waited for, so that none is lost."""
    there = state.members
    ports = {member.name: member.port for member in before.members}
    address = _app_address(before)
    for program in programs(state.directory, ports, address):
        if state.find(program.name) is None:
            state = state.with_member(_start(program, state.directory, started))
    write_state(state)
    for program in programs(state.directory, {}, address):
        if state.find(program.name) in there and state.member(program.name).port:
            continue  # it was not started now
        port = _await_port(state.member(program.name))
        if port is None and ports.get(program.name):
            state = state.with_member(_start(program, state.directory, started))  # its port was taken meanwhile
            write_state(state)
            port = _await_port(state.member(program.name))
        if port is None:
            log = log_end(state.directory, program.name)
            raise DrxError(f"'{program.name}' of the sandbox did not start{log}", "Read its log")
        state = state.with_member(state.member(program.name).model_copy(update={"port": port}))
    write_state(state)
    return state


def _start(program: Program, directory: Path, started: list[Process]) -> Member:
    process = start_python(program.arguments, program.environment, log_path(directory, program.name))
    started.append(process)
    return Member(name=program.name, pid=process.pid, started=process.started, address=program.address)


def _app_address(before: SandboxState) -> str:
    """Where the application's host answers: one that is built anew, its disk being gone, has another address."""
    app = before.find(APP)
    if app is None or variables_path(before.directory).exists():
        return app.address if app else LOOPBACK
    others = (each for each in _ADDRESSES if each != app.address and _is_ours(each))
    return next(others, app.address)


def _is_ours(address: str) -> bool:
    """Whether a program can listen there: not every system has more than one address that leads to itself."""
    try:
        socket.create_server((address, 0)).close()
    except OSError:
        return False
    return True


def _await_port(member: Member) -> int | None:
    """The port at which a member listens as soon as it does; None if it ends before, or never does."""
    process = process_of(member)
    deadline = time.monotonic() + _START_SECONDS
    while (port := listening_port(process.pid)) is None and is_alive(process) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return port


def _await_answers(state: SandboxState, only: Collection[str] | None) -> None:
    answers = {MONGO: lambda: _mongo_answers(state), APP: lambda: _app_answers(state)}
    for name, answers_now in answers.items():
        if (only is None or name in only) and not wait_until(answers_now, _START_SECONDS):
            raise DrxError(f"'{name}' of the sandbox does not answer{log_end(state.directory, name)}", "Read its log")


def _mongo_answers(state: SandboxState) -> bool:
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    try:
        with MongoClient[dict[str, object]](state.mongo_uri, serverSelectionTimeoutMS=2000) as client:
            client.admin.command("ping")
    except PyMongoError:
        return False
    return True


def _prepare_host(state: SandboxState, before: SandboxState) -> None:
    """Deploy the application to these servers, but leave its variables alone while they are where they were."""
    addresses, previous = ({each.name: each.port for each in some.members} for some in (state, before))
    unmoved = all(previous.get(name) == port for name, port in addresses.items() if name != APP)
    if unmoved and variables_path(state.directory).exists():
        return
    write_settings(state)
    if state.find(APP) == before.find(APP):
        _restart_app(state)


def _restart_app(state: SandboxState) -> None:
    app, ready = state.member(APP), ready_path(state.directory)
    before = _version(ready)
    if not is_alive(process_of(app)):
        raise DrxError(f"the application does not run{log_end(state.directory, APP)}", "Run 'drx sandbox up'")
    os.kill(app.pid, signal.SIGHUP)
    if not wait_until(lambda: _version(ready) not in (before, None), _START_SECONDS):
        raise DrxError(f"the application did not come back{log_end(state.directory, APP)}", "Run 'drx sandbox up'")


def _version(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _app_answers(state: SandboxState) -> bool:
    """Whether the application answers, well or not, with its variables read."""
    app = state.member(APP)
    connection = http.client.HTTPConnection(app.address, app.port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        return ready_path(state.directory).read_text() == str(app.pid)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _condition(member: Member) -> Literal["running", "not answering", "dead"]:
    if not is_alive(process_of(member)):
        return "dead"
    if member.port:
        try:
            socket.create_connection((member.address, member.port), timeout=2).close()
        except OSError:
            return "not answering"
    return "running"
