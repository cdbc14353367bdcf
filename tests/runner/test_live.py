"""The page about a run that goes on: kept up to date on disk, opened by a real browser, and never in the way."""

import re
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from drx.engine.events import NoteAdded
from drx.errors import ExitCode
from drx.journal import place
from drx.reports import livepage
from drx.runner.record import REPORT_HTML
from tests.browser import HEADLESS, needs_browser
from tests.runner.project import Project, steps_yaml
from tests.web import web_server

FIRST = "{id: first, title: Look <b>first</b>, action: test.artifact, expect: 1s}"
SLOW = "{id: slow, title: Restore the database, action: test.slow, with: {seconds: 3s}, expect: 30s}"
LAST = "{id: last, title: Serve again, action: test.artifact, expect: 5m, recovered: true}"


def held(project: Project) -> str:
    """A step that goes on until the test has seen enough, however slow its browser is."""
    end = f"{{file: {project.root}/end, line: x}}"
    return f"{{id: slow, title: Restore the database, action: test.until, with: {end}, expect: 30s, timeout: 5m}}"


def begin(project: Project) -> tuple[threading.Thread, list[ExitCode]]:
    ends: list[ExitCode] = []
    thread = threading.Thread(target=lambda: ends.append(project.run()))
    thread.start()
    return thread, ends


def wait_for(project: Project, holds: Callable[[str], bool]) -> str:
    """The page, once it says so."""
    deadline = time.monotonic() + 20
    text = ""
    while time.monotonic() < deadline:
        found = list(project.records.glob(f"*/{REPORT_HTML}")) if project.records.exists() else []
        text = found[0].read_text() if found else ""
        if text and holds(text):
            return text
        time.sleep(0.05)
    raise AssertionError(text)


def test_the_page_keeps_up_with_the_run(project: Project) -> None:
    project.write(steps_yaml(FIRST, SLOW, LAST, head="kind: scenario"))
    thread, ends = begin(project)
    page = wait_for(project, lambda text: 'class="current">▶ Restore the database' in text)
    assert f'<meta http-equiv="refresh" content="{livepage.REFRESH_SECONDS}">' in page
    assert '<p class="word">RUNNING</p>' in page
    assert "left of the RTO of 2h" in page
    assert "forecast: recovered at about" in page
    assert "recovered after this" in page
    assert "Look &lt;b&gt;first&lt;/b&gt;" in page
    assert not re.search(r"(src|href)=|url\(|<script", page), "nothing is loaded from anywhere"
    place(project.record, NoteAdded("customers see <i>502</i>"))
    page = wait_for(project, lambda text: "customers see" in text)
    assert "customers see &lt;i&gt;502&lt;/i&gt;" in page
    thread.join()
    assert ends == [ExitCode.OK]
    page = (project.record / REPORT_HTML).read_text()
    assert "http-equiv" not in page
    assert '<p class="word">RECOVERED</p>' in page
    assert _mode(project.record / REPORT_HTML) == 0o600


def test_only_what_succeeded_is_ticked(project: Project) -> None:
    skipped = "{id: skipped, title: There is a snapshot, action: test.artifact, when: 'false', expect: 1s}"
    ignored = "{id: ignored, title: Tell the phone, action: test.hopeless, on_failure: continue, expect: 1s}"
    project.write(steps_yaml(FIRST, skipped, ignored, SLOW))
    thread, _ = begin(project)
    page = wait_for(project, lambda text: 'class="current">▶ Restore the database' in text)
    thread.join()
    assert re.findall(r'<span class="mark">(.)</span> <span>([^<]*?) *(?:<em>(.*?)</em>)?</span>', page) == [
        ("✓", "Look &lt;b&gt;first&lt;/b&gt;", ""),
        ("·", "There is a snapshot", "skipped"),
        ("✗", "Tell the phone", "ignored"),
        ("▶", "Restore the database", ""),
    ]


def test_a_page_that_cannot_be_written_is_said_and_stops_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise ZeroDivisionError("no page")

    monkeypatch.setattr(livepage, "live_html", broken)
    project.write(steps_yaml(FIRST, "{id: slow, action: test.slow, with: {seconds: 1s}, expect: 1s}"))
    assert project.run() is ExitCode.OK
    assert "report.html was not kept up to date: ZeroDivisionError: no page" in project.shown
    assert (
        "SUCCEEDED" in (project.record / REPORT_HTML).read_text()
        or "RECOVERED" in (project.record / REPORT_HTML).read_text()
    )


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("width", [390, 1920])
def test_a_browser_shows_it_from_disk_while_the_run_goes_on(project: Project, width: int) -> None:
    project.write(steps_yaml(FIRST, held(project), LAST))
    thread, _ = begin(project)
    wait_for(project, lambda text: 'class="current">▶ Restore the database' in text)
    address = f"file://{(project.record / REPORT_HTML).resolve()}"
    picture = project.root / "page.png"
    _browse(project, address, f"--window-size={width},1000", f"--screenshot={picture}")
    shown = _browse(project, address, "--dump-dom")
    assert thread.is_alive()
    assert '<p class="word">RUNNING</p>' in shown
    assert "Restore the database" in shown
    assert picture.stat().st_size > 10_000
    (project.root / "end").touch()
    thread.join()


@pytest.mark.slow
@needs_browser
def test_the_page_loads_itself_anew_from_any_static_server(project: Project) -> None:
    project.write(steps_yaml(FIRST, held(project), LAST))
    thread, _ = begin(project)
    wait_for(project, lambda text: 'class="current">▶ Restore the database' in text)
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(project.record))

        def log_request(self, *_: object) -> None:
            asked.append(self.path)

    with web_server(Handler) as address:
        command = _browser(project, "--remote-debugging-port=0", f"{address}/{REPORT_HTML}")
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as child:
            deadline = time.monotonic() + 60
            while asked.count(f"/{REPORT_HTML}") < 2 and time.monotonic() < deadline:
                time.sleep(0.1)
            child.terminate()
    (project.root / "end").touch()
    thread.join()
    pages = [path for path in asked if path == f"/{REPORT_HTML}"]
    assert len(pages) >= 2, asked
    assert {path for path in asked if path != f"/{REPORT_HTML}"} <= {"/favicon.ico"}


def _browse(project: Project, address: str, *arguments: str) -> str:
    command = _browser(project, *arguments, address)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def _browser(project: Project, *arguments: str) -> list[str]:
    profile = f"--user-data-dir={project.root / 'profile'}"
    return [*HEADLESS, profile, *arguments]


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777
