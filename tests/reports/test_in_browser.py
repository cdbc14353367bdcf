"""Pages as a browser shows them: they fit a phone, ask for nothing, complain of nothing, and print from the top."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser import HEADLESS, needs_browser
from tests.reports.every_page import every_page

PHONE = 390
FIXED = (*HEADLESS, "--enable-logging=stderr", "--virtual-time-budget=4000")
MEASURE = """<script>addEventListener('load', () => {
  const found = {};
  for (const frame of document.querySelectorAll('iframe')) {
    const inside = frame.contentWindow, page = frame.contentDocument;
    found[frame.title] = {
      width: page.documentElement.scrollWidth,
      height: page.documentElement.scrollHeight,
      cut: [...page.querySelectorAll('svg .figure, main > table:not(:has(code)) td')]
        .filter(each => each.getBoundingClientRect().right > inside.innerWidth).map(each => each.textContent),
      loaded: inside.performance.getEntriesByType('resource').map(each => each.name),
    };
  }
  document.getElementById('found').textContent = JSON.stringify(found);
})</script>"""
pytestmark = [pytest.mark.slow, needs_browser]


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Every kind of page that lies in a record or a binder."""
    return every_page()


def browse(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Let the browser do one thing without a window."""
    return subprocess.run(
        [*FIXED, *arguments], capture_output=True, text=True, timeout=120, check=True, stdin=subprocess.DEVNULL
    )


def test_pages_fit_a_phone_and_ask_for_nothing(pages: dict[str, str], tmp_path: Path) -> None:
    assert {"incident", "live", "passed_drill", "trend", "plan"} <= pages.keys()
    style = f"width: {PHONE}px; height: 800px; border: 0"
    frames = "".join(
        f'<iframe title="{name}" style="{style}" srcdoc="{html.escape(page)}"></iframe>' for name, page in pages.items()
    )
    desk = tmp_path / "desk.html"
    desk.write_text(f'<!doctype html><meta charset="utf-8">{MEASURE}<pre id="found"></pre>{frames}')

    shown = browse("--dump-dom", desk.as_uri())

    measured = re.search(r'<pre id="found">(.+?)</pre>', shown.stdout)
    assert measured, shown.stdout[:500]
    found = json.loads(html.unescape(measured[1]))
    assert found.keys() == pages.keys()
    assert all(each["height"] > 800 for each in found.values())
    assert {name: each["width"] for name, each in found.items() if each["width"] > PHONE} == {}
    assert {name: each["cut"] for name, each in found.items() if each["cut"]} == {}
    assert {name: each["loaded"] for name, each in found.items() if each["loaded"]} == {}
    assert "CONSOLE" not in shown.stderr


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed (Debian: poppler-utils)")
def test_the_first_printed_page_of_the_plan_is_what_one_needs_first(pages: dict[str, str], tmp_path: Path) -> None:
    page, printed = tmp_path / "plan.html", tmp_path / "plan.pdf"
    page.write_text(pages["plan"])
    browse(f"--print-to-pdf={printed}", page.as_uri())

    first = subprocess.check_output(["pdftotext", "-f", "1", "-l", "1", "-layout", str(printed), "-"], text=True)
    assert "Something is broken right now" in first
    assert "#ops-alerts" in first
    assert "+1 555 0100" in first
