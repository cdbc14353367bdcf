"""The page of a report for whoever reads it: without a network, without seeing colours, without seeing at all."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from importlib.resources import files

import pytest

from drx.engine.events import NoteAdded, RunFinished
from drx.engine.terms import Outcome
from drx.reports.drawing import trend_lines
from drx.reports.facts import gather
from drx.reports.happenings import action_items
from drx.reports.lessons import OpenItem, lesson_lines, lessons_markdown
from drx.reports.livepage import live_html
from drx.reports.markdown import report_markdown
from drx.reports.shapes import Word
from drx.reports.trend import Trend, standing
from drx.reports.webpage import report_html
from tests.reports import runs
from tests.reports.builder import START, Journal, automated, drill_plan, seconds
from tests.reports.pages import read

HOSTILE = "</code></pre><script>alert(1)</script><img src=http://x.invalid/a.png> & \x1b[31m \" ' \u202e"


def _page() -> str:
    journal = runs.incident()
    return report_html(gather(journal.plan, journal.events), runs.HISTORY)


def test_a_page_needs_nothing_from_elsewhere() -> None:
    found = read(_page())

    assert not found.wrong
    assert {name for _, attributes in found.tags for name in attributes} & {"src", "href", "style"} == set()
    style = (files("drx.reports") / "templates" / "report.css").read_text() + _page()
    assert not re.search(r"url\(|@import|<script|<link", style)


def test_whoever_cannot_see_the_pictures_is_told_what_they_show() -> None:
    found = read(_page())

    pictures = [attributes for tag, attributes in found.tags if tag == "svg"]
    assert len(pictures) == 4
    assert all(picture["role"] == "img" and picture["aria-label"] for picture in pictures)
    assert "automation" in str(pictures[1]["aria-label"])
    headings = [tag for tag, _ in found.tags if tag in ("h1", "h2", "h3")]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
    assert all(attributes.get("scope") for tag, attributes in found.tags if tag == "th")


def test_a_trend_leads_over_no_drill_that_measured_nothing() -> None:
    measured = [runs.past(4), runs.past(3, word=Word.FAILED, rta=None, rpa=None), runs.past(2), runs.past(1)]
    picture = str(trend_lines(Trend("db-drop", seconds(7200), None, tuple(measured))))

    assert picture.count('class="trend"') == 2, "one line for RTA, one for RPA, both from the third to the fourth"
    assert picture.count('class="point"') == 6
    assert picture.count("FAILED") == 2
    assert 'class="objective"' in picture


def test_foreign_text_stays_text() -> None:
    plan = drill_plan(automated("a-step", HOSTILE), automated(HOSTILE, HOSTILE, recovered=True))
    journal = Journal(replace(plan, title=HOSTILE, runbook=HOSTILE), environment=HOSTILE)
    journal.start("a-step").after(1).fails("a-step", HOSTILE, HOSTILE, HOSTILE, artifacts=(HOSTILE,))
    journal.does(HOSTILE, 1, {"summary": HOSTILE}).add(NoteAdded(HOSTILE), RunFinished(Outcome.FAILED, HOSTILE))
    before = (replace(runs.past(1), run=HOSTILE, environment=HOSTILE),)
    page = report_html(gather(journal.plan, journal.events), replace(runs.HISTORY, drills=before))

    assert not read(page).wrong
    assert "\x1b" not in page
    assert "\u202e" not in page


def _variables(scheme: str) -> dict[str, str]:
    """The colours of a scheme: those of the screen by day, unless the scheme says otherwise."""
    found: dict[str, str] = {}
    for name in ("page.css", "report.css"):
        text = (files("drx.reports") / "templates" / name).read_text()
        for condition, body in _roots(text):
            if condition in ("", scheme):
                found |= dict(re.findall(r"(--[a-z]+): (#[0-9a-f]{3,6})", body))
    return found


def _roots(text: str) -> Iterator[tuple[str, str]]:
    for match in re.finditer(r"(?P<media>@media \S*?\(?(?P<of>[^{]*?)\)? \{\s*)?:root \{(?P<body>[^}]*)\}", text):
        media = match["media"] or ""
        yield "dark" if "dark" in media else "print" if "print" in media else "", match["body"]


def _light(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_light(one), _light(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_colours_can_be_told_from_the_page(scheme: str) -> None:
    """As WCAG 2 asks: 4.5 for text, 3 for what a picture is made of."""
    colours = _variables(scheme)
    assert (colours["--page"] == "#0d1117") is (scheme == "dark")
    for name in ("--text", "--soft", "--link", "--good", "--bad", "--open"):
        assert _contrast(colours[name], colours["--page"]) >= 4.5, name
    assert _contrast(colours["--text"], colours["--block"]) >= 4.5
    bars = ("--bar", "--broken", "--plan", "--detection", "--automation", "--verification", "--retries", "--people")
    for name in (*bars, "--gaps"):
        assert _contrast(colours[name], colours["--page"]) >= 3, name


def test_the_live_page_names_what_is_still_to_come() -> None:
    """Also a question without a title."""
    journal = runs.incident()
    begun = journal.events[: len(journal.events) // 2]
    page = live_html(journal.plan, gather(journal.plan, begun), begun[-1].at)
    assert "<span>Switch over?" in page


def test_a_runbook_is_verified_only_while_it_is_the_one_that_was_drilled() -> None:
    now = START
    verified = runs.HISTORY.verified
    assert verified is not None
    told = {
        "VERIFIED": runs.HISTORY,
        "has changed": replace(runs.HISTORY, hash="00" * 32),
        "counted until": replace(runs.HISTORY, verified=replace(verified, valid_until=now - seconds(1))),
        "was recorded": replace(runs.HISTORY, verified=None),
    }
    for words, history in told.items():
        found = standing(history, now)
        assert found is not None
        assert words in f"{found.word}: {found.reason}"
        assert found.verified is (words == "VERIFIED")
    assert standing(replace(runs.HISTORY, hash=""), now) is None


def test_a_drill_that_fails_casts_doubt_on_the_one_before_it() -> None:
    for run, doubted in ((runs.failed_drill, True), (runs.passed_drill, False), (runs.incident, False)):
        journal = run()
        facts = gather(journal.plan, journal.events)
        for text in (report_markdown(facts, runs.HISTORY), report_html(facts, runs.HISTORY)):
            assert ("before you rely on the earlier one" in text) is doubted


def test_what_is_overdue_is_said() -> None:
    items = action_items(runs.incident().events)
    (open_one,) = [OpenItem("2026-11-21T0800Z-db-drop-7f3a", "db-drop", item) for item in items if not item.closed_at]

    (line,) = lesson_lines([open_one], date(2026, 12, 5))
    assert "(anna, until 2026-12-05; item 1 of " in line
    (line,) = lesson_lines([open_one], date(2026, 12, 6))
    assert "until 2026-12-05, overdue;" in line
    assert "2026-12-05, overdue" in lessons_markdown([open_one], date(2026, 12, 6))
