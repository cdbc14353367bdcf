"""The server fails for real, and comes back; with one thing spoiled the drill must fail, and say why."""

import os
import re
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest

from drx.errors import ExitCode
from drx.reports.shapes import Word
from drx.sandbox import servers
from drx.sandbox.host import RELEASES
from drx.sandbox.processes import is_alive
from drx.sandbox.state import APP, MONGO, SandboxState, host_directory
from tests.drills.harness import ROOT, Outcome, Project

pytestmark = pytest.mark.slow
DRILLS = ("server-failure", "bad-deploy", STOPPED := "database-stopped")
IMPOSTOR = """#!/bin/sh
exec {python} -c '
import http.server, os, pathlib
class Well(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("{address}", {port}), Well)
pathlib.Path(".pid").write_text(str(os.getpid())); os.replace(".pid", "app.pid")
server.serve_forever()'
"""


@pytest.fixture
def drilled(project: Project, sandbox: SandboxState) -> Callable[[str], Outcome]:
    """Runs one of these drills, small."""
    project.write("runbooks/server-failure.yaml", (ROOT / "runbooks" / "server-failure.yaml").read_text())
    for name in DRILLS:
        text = (ROOT / "drills" / f"{name}.yaml").read_text()
        project.write(f"drills/{name}.yaml", text.replace("images: 5000, objects: 500", "images: 200, objects: 20"))
    project.change("runbooks/server-failure.yaml", "within: 1m}", "within: 3s}")
    project.change(
        "runbooks/server-failure.yaml", "retry: {attempts: 4, wait: 5s}", "retry: {attempts: 2, wait: 100ms}"
    )
    return lambda name: project.drx("drill", name, "--env", "sandbox", "--keep")


@pytest.mark.parametrize("name", DRILLS)
def test_the_application_comes_back(drilled: Callable[[str], Outcome], sandbox: SandboxState, name: str) -> None:
    outcome = drilled(name)
    assert outcome.code == ExitCode.OK, outcome.screen
    assert outcome.report.verdict.word is Word.PASSED
    now = {each.member.name: each for each in servers.status(sandbox.directory)}
    for member in (APP, MONGO) if name == STOPPED else (APP,):
        assert now[member].condition == "running"
        assert now[member].member.pid != sandbox.member(member).pid
        assert not is_alive(servers.process_of(sandbox.member(member)))
    assert (now[MONGO].member == sandbox.member(MONGO)) == (name != STOPPED), "a server that runs is left alone"
    deployed = (host_directory(sandbox.directory) / "current").readlink().name
    assert deployed == RELEASES[-1]


def test_something_that_only_says_that_it_is_well_fails(
    drilled: Callable[[str], Outcome], sandbox: SandboxState, project: Project
) -> None:
    start = host_directory(sandbox.directory) / "releases" / RELEASES[-1] / "start"
    app = sandbox.member(APP)  # at another address, if a drill before this one built the host anew
    project.write("impostor.sh", IMPOSTOR.format(python=sys.executable, address=app.address, port=app.port))
    _spoil(project, "server-failure", f"cp, impostor.sh, {start}")
    outcome = drilled("server-failure")
    _fails(outcome, "served", "gave 2 bytes with SHA-256")
    _repair(sandbox)


def test_no_version_to_go_back_to_fails(
    drilled: Callable[[str], Outcome], sandbox: SandboxState, project: Project
) -> None:
    """The history of deployments is lost meanwhile."""
    deployments = host_directory(sandbox.directory) / "deployments.json"
    _spoil(project, "bad-deploy", f"sh, -c, 'echo [] > {deployments}'")
    _fails(drilled("bad-deploy"), "roll-back", "no version was deployed before broken")
    _repair(sandbox)


def test_an_outage_that_no_restart_ends_fails(drilled: Callable[[str], Outcome], project: Project) -> None:
    """The health page is another address, at which nothing answers."""
    healthy = 'url: "{{ target.health_url }}", within: 3s'
    project.change("runbooks/server-failure.yaml", healthy, "url: 'http://127.0.0.1:9/', within: 3s")
    _fails(drilled("server-failure"), "healthy", "127.0.0.1:9")


def test_a_database_server_without_its_data_fails(
    drilled: Callable[[str], Outcome], sandbox: SandboxState, project: Project
) -> None:
    """Its disk is gone as well: started again, it answers, and holds nothing."""
    _before(project, "database-started", f"rm, -rf, {sandbox.directory / MONGO / 'data'}")
    outcome = drilled(STOPPED)
    _fails(outcome, "healthy", "503|there are no images")
    assert "database-back" not in outcome.failures, "it does answer"


def test_a_database_server_that_nobody_started_fails(
    drilled: Callable[[str], Outcome], sandbox: SandboxState, project: Project
) -> None:
    project.change(
        "runbooks/server-failure.yaml", "when: target.sandbox and steps.database", "when: false and steps.database"
    )
    _fails(drilled(STOPPED), "database-back", "does not answer")
    _repair(sandbox)


def _before(project: Project, step: str, command: str) -> None:
    """Do something while the runbook recovers, just before one of its steps."""
    spoiled = f"  - {{id: spoil, action: shell.run, with: {{command: [{command}]}}, expect: 1s}}\n\n  - id: {step}\n"
    project.change("runbooks/server-failure.yaml", f"  - id: {step}\n", spoiled)


def _fails(outcome: Outcome, step: str, reason: str) -> None:
    assert outcome.code == ExitCode.FAILED, outcome.screen
    assert outcome.report.verdict.word is Word.FAILED
    assert outcome.report.verdict.step == step
    assert re.search(reason, outcome.report.verdict.reason), outcome.report.verdict.reason
    assert "PASSED" not in outcome.screen
    assert "Traceback" not in outcome.everything_written


def _spoil(project: Project, drill: str, command: str) -> None:
    """Do something at the end of the drill's set-up."""
    last = "  - {id: stop, title: Close the ledger, action: sandbox.stop_writing}\n"
    step = f"  - {{id: spoil, action: shell.run, with: {{command: [{command}]}}}}\n"
    project.change(f"drills/{drill}.yaml", last, last + step)


def _repair(sandbox: SandboxState) -> None:
    """Bring the application back, for the drills after this one, and end what took its place."""
    with suppress(OSError, ValueError):
        os.kill(int((host_directory(sandbox.directory) / "app.pid").read_text()), signal.SIGKILL)
    servers.down(sandbox.directory)
    servers.up(sandbox.directory)
