"""Requests are counted by the server that gets them: with retries, kills and resumes, each as often as it should be."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from drx.errors import ExitCode
from tests.drills.harness import Project
from tests.web import web_server

CONFIG = """
service: pixelcraft
objectives: {rto: 2h, rpo: 1h}
environments: {lab: {}}
"""
RUNBOOK = """
runbook: story
kind: operation
title: Requests that somebody counts
steps:
  - {{id: once, action: http.request, with: {{url: "{url}/once", method: POST}}, expect: 1s}}
  - id: flaky
    action: http.request
    with: {{url: "{url}/flaky", method: POST}}
    expect: 1s
    retry: {{attempts: 5, wait: 10ms}}
    verify: {{action: http.check, with: {{url: "{url}/flaky"}}}}
  - id: both
    parallel:
      left: [{{id: left, action: http.request, with: {{url: "{url}/left", method: POST}}, expect: 1s}}]
      right: [{{id: right, action: http.request, with: {{url: "{url}/right", method: POST}}, expect: 1s}}]
  - id: slow
    action: http.request
    with: {{url: "{url}/slow", method: POST, timeout: 1m}}
    expect: 1s
    {more}
  - {{id: after, action: http.request, with: {{url: "{url}/after", method: POST}}, expect: 1s}}
cleanup:
  - {{id: tidy, action: http.request, with: {{url: "{url}/tidy", method: POST}}, expect: 1s}}
"""
FLAKY_FAILURES = 2


@dataclass
class Counting:
    """A server that counts; `/slow` is done at once, and answered only when it is let."""

    url: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    let: threading.Event = field(default_factory=threading.Event)

    def await_request(self, path: str) -> None:
        deadline = time.monotonic() + 20
        while not self.counts[path]:
            assert time.monotonic() < deadline, f"nobody asked for {path}: {self.counts}"
            time.sleep(0.01)


@pytest.fixture
def counting() -> Iterator[Counting]:
    found = Counting()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.counts[self.path] += 1
            if self.path == "/slow":
                found.let.wait(60)
            bad = self.path == "/flaky" and found.counts["/flaky"] <= FLAKY_FAILURES
            self._answer(503 if bad else 200)

        def do_GET(self) -> None:
            """A probe: was the request done?"""
            self._answer(200 if found.counts[self.path] else 404)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with web_server(Handler) as found.url:
        try:
            yield found
        finally:
            found.let.set()


@pytest.fixture
def story(tmp_path: Path, counting: Counting) -> Project:
    project = Project(tmp_path, tmp_path / "no-sandbox")
    project.write("drx.yaml", CONFIG)
    project.write("runbooks/story.yaml", RUNBOOK.format(url=counting.url, more=""))
    return project


ALL = {"/once": 1, "/flaky": FLAKY_FAILURES + 1, "/left": 1, "/right": 1, "/slow": 1, "/after": 1, "/tidy": 1}
WITHOUT_AFTER = {path: count for path, count in ALL.items() if path != "/after"}


def test_each_request_is_sent_as_often_as_the_runbook_says(story: Project, counting: Counting) -> None:
    counting.let.set()
    outcome = story.drx("run", "story", "--env", "lab", "--unattended")
    assert outcome.code == ExitCode.OK, outcome.screen
    assert counting.counts == ALL


def test_a_killed_request_is_not_sent_again_unasked(story: Project, counting: Counting) -> None:
    """Nobody knows whether it was done, it is not repeatable, and nobody is there: the run ends, tidied up."""
    _kill_during_slow(story, counting)
    outcome = story.drx("resume", "--unattended")
    assert outcome.code == ExitCode.HUMAN_NEEDED, outcome.screen
    assert counting.counts == WITHOUT_AFTER


def test_a_killed_request_that_its_probe_finds_done_is_not_sent_again(story: Project, counting: Counting) -> None:
    verify = f'verify: {{action: http.check, with: {{url: "{counting.url}/slow"}}}}'
    story.write("runbooks/story.yaml", RUNBOOK.format(url=counting.url, more=verify))
    _kill_during_slow(story, counting)
    outcome = story.drx("resume", "--unattended")
    assert outcome.code == ExitCode.OK, outcome.screen
    assert counting.counts == ALL


def test_a_run_that_is_stopped_sends_nothing_more_but_what_tidies_up(story: Project, counting: Counting) -> None:
    with story.start("run", "story", "--env", "lab", "--unattended") as process:
        counting.await_request("/slow")
        process.send_signal(signal.SIGINT)
        screen, _ = process.communicate(timeout=30)
    assert process.returncode == ExitCode.FAILED, screen
    assert counting.counts == WITHOUT_AFTER
    again = story.drx("resume", "--unattended")
    assert again.code != ExitCode.OK, again.screen
    assert counting.counts == WITHOUT_AFTER


def _kill_during_slow(story: Project, counting: Counting) -> None:
    with story.start("run", "story", "--env", "lab", "--unattended") as process:
        counting.await_request("/slow")
        process.kill()
        process.communicate()
    counting.let.set()
    assert "/after" not in counting.counts
